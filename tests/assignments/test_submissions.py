"""From what students hand in only the contents of answer cells are taken."""

import os
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from classroom.submissions import Submission, collect, merge

KNOWN = ["first", "second"]


def marks(name: str, **kind: object) -> dict[str, object]:
    return {
        "nbgrader": {"grade_id": name, "grade": False, "solution": False, "locked": False} | kind
    }


def assignment(answer: str = "stub", name: str = "first") -> NotebookNode:
    """One answer, one check, one written answer."""
    notebook = new_notebook(metadata={"pwgf": {"assignment": name}})
    notebook.cells = [
        new_code_cell(answer, metadata=marks("a", solution=True)),
        new_code_cell("assert a", metadata=marks("check-a", grade=True, points=2)),
        new_markdown_cell("write", metadata=marks("b", grade=True, solution=True, points=3)),
    ]
    return notebook


def sources(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells]


def write(path: Path, notebook: NotebookNode) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def test_only_answers_are_taken() -> None:
    given = assignment("mine")
    given.cells[1].source = "pass"
    given.cells[1].metadata["nbgrader"]["points"] = 100
    given.cells[2].source = "my words"
    given.cells.insert(1, new_code_cell("import os"))
    merged = merge(assignment(), Submission("ann", "first", given))
    assert sources(merged) == ["mine", "assert a", "my words"]
    assert merged.cells[1].metadata["nbgrader"]["points"] == 2
    assert merged.metadata["pwgf"]["notes"] == []


def test_a_missing_answer_is_the_stub_and_is_noted() -> None:
    given = assignment("mine")
    del given.cells[0]
    merged = merge(assignment(), Submission("ann", "first", given))
    assert sources(merged) == ["stub", "assert a", "write"]
    assert merged.metadata["pwgf"]["notes"] == ["a: the cell is missing"]


def test_of_copies_the_last_that_is_not_the_stub_counts() -> None:
    given = assignment("one")
    for text in ("two", "stub"):
        given.cells.append(new_code_cell(text, metadata=marks("a", solution=True)))
    merged = merge(assignment(), Submission("ann", "first", given))
    assert sources(merged)[0] == "two"
    assert merged.metadata["pwgf"]["notes"] == [
        "a: the cell occurs 2 times, the last one was taken"
    ]


@pytest.mark.parametrize("broken", [None, "a", 7, {"grade_id": 3}, {"grade_id": None}, []])
def test_broken_metadata_do_no_harm(broken: object) -> None:
    given = assignment("mine")
    given.cells[0].metadata["nbgrader"] = broken
    assert sources(merge(assignment(), Submission("ann", "first", given)))[0] == "stub"


def test_a_notebook_is_known_by_its_metadata_and_else_by_its_name(tmp_path: Path) -> None:
    write(tmp_path / "ann" / "homework.ipynb", assignment("1", "second"))
    nameless = assignment("2")
    del nameless.metadata["pwgf"]
    write(tmp_path / "bob" / "first (1).ipynb", nameless)
    write(tmp_path / "cid" / "essay.ipynb", new_notebook())
    found = {each.student: each for each in collect(tmp_path, KNOWN)}
    assert {name: each.assignment for name, each in found.items()} == {
        "ann": "second",
        "bob": "first",
        "cid": "",
    }
    assert found["cid"].notes == ["essay.ipynb is none of the assignments first, second"]


def test_the_later_file_counts(tmp_path: Path) -> None:
    write(tmp_path / "ann" / "a.ipynb", assignment("late"))
    write(tmp_path / "ann" / "b.ipynb", assignment("early"))
    os.utime(tmp_path / "ann" / "b.ipynb", (0, 0))
    (submission,) = collect(tmp_path, KNOWN)
    assert submission.notebook is not None
    assert sources(submission.notebook)[0] == "late"
    assert submission.notes == ["handed in twice, the later file was taken"]


def test_a_zip_file_with_two_notebooks_and_rubbish(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    with zipfile.ZipFile(tmp_path / "ann" / "all.zip", "w") as archive:
        for name in KNOWN:
            archive.writestr(f"../x/{name}.ipynb", nbformat.writes(assignment(name, name)))
        archive.writestr("x/.ipynb_checkpoints/first-checkpoint.ipynb", "{")
        archive.writestr("__MACOSX/._first.ipynb", b"\0")
    found = collect(tmp_path, KNOWN)
    assert [each.assignment for each in found] == KNOWN
    assert not any(each.notes for each in found)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b'{"cells": 3}', b'{"nbformat": 4}']
)
def test_what_is_no_notebook_is_noted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "first.ipynb").write_bytes(content)
    (submission,) = collect(tmp_path, KNOWN)
    assert submission.assignment == "first"
    assert submission.notebook is None
    assert submission.notes[0].startswith("first.ipynb: not a notebook")


def test_what_is_no_zip_file_is_noted(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "first.zip").write_bytes(b"PK")
    (submission,) = collect(tmp_path, KNOWN)
    assert submission.notes[0].startswith("first.zip: not a zip file that can be opened")


def test_a_notebook_too_large_is_noted(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    with zipfile.ZipFile(tmp_path / "ann" / "first.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first.ipynb", b" " * (30 * 2**20))
    (submission,) = collect(tmp_path, KNOWN)
    assert submission.notes == ["first.ipynb: larger than 20 MiB"]


@pytest.mark.parametrize("name", ["*", "a?", "[b]", "=1", "-a", "a "])
def test_folders_with_odd_names_are_noted(tmp_path: Path, name: str) -> None:
    write(tmp_path / name / "first.ipynb", assignment())
    (submission,) = collect(tmp_path, KNOWN)
    assert "letters, digits" in submission.notes[0]


@pytest.mark.parametrize(
    "name",
    ["a", "Ann Lee", "M\u00fcller", "Mu\u0308ller", "Lee, Ann (2)", "O'Hara", "王", "a.b@c-d"],
)
def test_names_of_people_are_allowed(tmp_path: Path, name: str) -> None:
    """Also with ü in two characters, as macOS writes it; then the student is the same."""
    write(tmp_path / name / "first.ipynb", assignment())
    (submission,) = collect(tmp_path, KNOWN)
    assert submission.notebook is not None
    assert submission.student == name.replace("u\u0308", "\u00fc")


def test_a_folder_without_a_file_is_noted(tmp_path: Path) -> None:
    """Empty, with other files only, with a folder inside, with an empty zip file."""
    (tmp_path / "ann").mkdir()
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "first.pdf").write_bytes(b"%PDF")
    write(tmp_path / "cid" / "inside" / "first.ipynb", assignment())
    (tmp_path / "dan").mkdir()
    zipfile.ZipFile(tmp_path / "dan" / "first.zip", "w").close()
    found = collect(tmp_path, KNOWN)
    assert [(each.student, each.assignment, each.notebook) for each in found] == [
        (name, "", None) for name in ("ann", "bob", "cid", "dan")
    ]
    assert [each.notes[0] for each in found[:3]] == ["no notebook or zip file in the folder"] * 3
    assert found[3].notes == ["first.zip: no notebook in the zip file"]


def test_each_file_that_is_no_assignment_is_noted(tmp_path: Path) -> None:
    for name in ("essay", "poem"):
        write(tmp_path / "ann" / f"{name}.ipynb", new_notebook())
    (submission,) = collect(tmp_path, KNOWN)
    assert [note.split()[0] for note in submission.notes] == ["essay.ipynb", "poem.ipynb"]


def test_no_folder_and_no_student(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be a folder, got"):
        collect(tmp_path / "absent", KNOWN)
    with pytest.raises(ValueError, match="a folder for each student, found none"):
        collect(tmp_path, KNOWN)
