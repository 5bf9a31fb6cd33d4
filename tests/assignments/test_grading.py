"""Grading a folder of submissions with nbgrader: the honest, the broken and the hostile."""

import csv
import time
import zipfile
from pathlib import Path

import nbformat
import pytest
from answers import grade_id, parse, points, replaced
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from classroom import course, report
from classroom.grade import grade

NAME = "wasserstein_distance"
HERE = Path(__file__).parent
pytestmark = pytest.mark.timeout(900)  # all submissions are graded in the first test
HOSTILE = sorted((HERE / "hostile").glob("*.py"))
LIMITS = {"cell_seconds": 5, "submission_seconds": 40, "memory_mib": 512}
TEXT = "*A* is symmetric, so its field is a gradient."


def handed_in(answers: NotebookNode, release: NotebookNode) -> NotebookNode:
    """The student version with the answers of another notebook."""
    given = {grade_id(cell): cell.source for cell in answers.cells if grade_id(cell)}
    kept = {
        grade_id(cell): given[grade_id(cell)]
        for cell in release.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    return replaced(release, kept)


def without_tests(notebook: NotebookNode) -> NotebookNode:
    """No setup, no check cells, points raised, and a wrong answer with a result in its output."""
    notebook = replaced(notebook, {"projection": "def projection(M, C):\n    return M"})
    notebook.cells = [
        cell for cell in notebook.cells if not grade_id(cell).startswith(("check", "setup"))
    ]
    fake = nbformat.v4.new_code_cell("3.0", metadata={"nbgrader": mark("check-projection")})
    fake.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "3.0"})]
    notebook.cells.append(fake)
    return notebook


def mark(name: str) -> dict[str, object]:
    """What a student could write into a cell's metadata."""
    return {
        "grade": True,
        "grade_id": name,
        "locked": True,
        "points": 100,
        "schema_version": 3,
        "solution": False,
    }


@pytest.fixture(scope="module")
def graded(
    tmp_path_factory: pytest.TempPathFactory, prepared: Path
) -> tuple[Path, dict[str, dict[str, str]]]:
    """The course folder and the rows of grades.csv, by student."""
    place = tmp_path_factory.mktemp("grading")
    folder = place / "handed_in"
    folder.mkdir()
    release, solved = course.release(prepared, NAME), course.notebook(NAME)
    full = handed_in(solved, release)
    students = {
        path.stem: handed_in(replaced(solved, parse(path.read_text()).cells), release)
        for path in HOSTILE
    }
    students |= {"deletes_tests": without_tests(full), "untouched": release}
    students |= {"honest": replaced(full, {"two-maps": TEXT})}
    for student, notebook in students.items():
        (folder / student).mkdir()
        nbformat.write(notebook, folder / student / f"{NAME}.ipynb")
    for student in ("not_json", "zipped", "unknown"):
        (folder / student).mkdir()
    (folder / "not_json" / f"{NAME}.ipynb").write_text("{")
    (folder / "empty" / "inside").mkdir(parents=True)
    nbformat.write(full, folder / "empty" / "inside" / f"{NAME}.ipynb")
    (folder / "unknown" / "essay.ipynb").write_text(nbformat.writes(nbformat.v4.new_notebook()))
    with zipfile.ZipFile(folder / "zipped" / "homework.zip", "w") as archive:
        archive.writestr("my folder/first.ipynb", nbformat.writes(full))

    with pytest.MonkeyPatch.context() as patch:
        normal = course.settings()
        normal.LimitedExecute.update(LIMITS)
        patch.setattr(course, "settings", normal.copy)
        start = time.monotonic()
        grade(place, folder)
        print(f"{len(students) + 3} submissions in {time.monotonic() - start:.0f} s")
    with (place / "grades.csv").open(newline="") as file:
        return place, {row["student"]: row for row in csv.DictReader(file)}


Graded = tuple[Path, dict[str, dict[str, str]]]


def test_the_table(graded: Graded) -> None:
    """Full points, none, and what cannot be read."""
    _, rows = graded
    full = sum(points(course.notebook(NAME)).values())
    for student in ("honest", "zipped"):
        assert float(rows[student]["automatic"]) == full
        assert rows[student]["state"] == "needs marking"
        assert rows[student]["note"] == ""
        assert rows[student]["manual"] == ""
    assert float(rows["untouched"]["automatic"]) == 0
    assert float(rows["untouched"]["total"]) == 0
    assert rows["untouched"]["state"] == "graded"  # no written answer to be marked
    assert "not a notebook" in rows["not_json"]["note"]
    assert "none of the assignments" in rows["unknown"]["note"]
    assert rows["empty"]["note"] == "no notebook or zip file in the folder"
    failed = {name for name, row in rows.items() if row["state"] == "not graded"}
    assert failed == {"not_json", "unknown", "empty"}
    assert not "".join(rows[s][c] for s in failed for c in ("automatic", "manual", "total"))
    assert {float(row["automatic_max"]) for s, row in rows.items() if s not in failed} == {full}


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
def test_a_hostile_answer_loses_its_own_points_only(graded: Graded, path: Path) -> None:
    """The two questions that it answers rightly count."""
    _, rows = graded
    fails = parse(path.read_text(encoding="utf-8")).fails
    wanted = {
        name.removeprefix("check-"): 0.0 if name in fails else worth
        for name, worth in points(course.notebook(NAME)).items()
    }
    earned = dict(part.split() for part in rows[path.stem]["questions"].split("; "))
    assert {name: float(text.split("/")[0]) for name, text in earned.items()} == wanted


def test_deleted_tests_are_run_all_the_same(graded: Graded) -> None:
    """And cells that the student adds, with points and outputs of their own, are not."""
    _, rows = graded
    assert "projection 0/3" in rows["deletes_tests"]["questions"]
    assert float(rows["deletes_tests"]["automatic"]) == 12
    assert float(rows["deletes_tests"]["automatic_max"]) == 15


def test_notes_say_what_was_stopped(graded: Graded) -> None:
    _, rows = graded
    assert "check-distance: stopped after 5 s" in rows["loops_for_ever"]["note"]
    assert "check-distance: its process died" in rows["ends_the_process"]["note"]


def test_output_is_cut(graded: Graded) -> None:
    place, _ = graded
    path = place / "autograded" / "prints_without_end" / NAME / f"{NAME}.ipynb"
    assert path.stat().st_size < 200_000
    assert "cut by the grader" in path.read_text(encoding="utf-8")


def test_no_file_of_the_course_is_in_reach(graded: Graded) -> None:
    """`reads_the_tests` prints this after every attempt was refused."""
    place, _ = graded
    path = place / "autograded" / "reads_the_tests" / NAME / f"{NAME}.ipynb"
    assert "all refused" in path.read_text(encoding="utf-8")


def test_marks_by_hand_stay_when_grading_is_repeated(
    graded: Graded, capsys: pytest.CaptureFixture[str]
) -> None:
    """What has not changed is not graded again; where an answer has, the mark needs a look."""
    place, rows = graded
    with Gradebook(f"sqlite:///{place / 'gradebook.db'}") as book:
        mark = book.find_grade("two-maps", NAME, NAME, "honest")
        for field, value in (("manual_score", 4.0), ("needs_manual_grade", False)):
            setattr(mark, field, value)
        comment = book.find_comment("two-maps", NAME, NAME, "honest")
        setattr(comment, "manual_comment", "See the theorem,\n=part (b).")  # noqa: B010
        book.db.commit()

    def honest() -> report.Row:
        (row,) = (row for row in grade(place, place / "handed_in") if row.student == "honest")
        return row

    row = honest()
    assert (row.automatic, row.manual, row.total, row.state) == (15, 4, 19, "graded")
    assert row.comments == "two-maps: See the theorem, =part (b)."
    assert capsys.readouterr().out.count("unchanged") == len(rows) - 3  # of them not one was graded

    path = place / "handed_in" / "honest" / f"{NAME}.ipynb"
    changed = replaced(nbformat.read(path, as_version=4), {"two-maps": "*A* is symmetric."})
    nbformat.write(changed, path)
    row = honest()
    assert (row.automatic, row.manual, row.total, row.state) == (15, 4, 19, "needs marking")
    assert row.comments == "two-maps: See the theorem, =part (b)."
    assert capsys.readouterr().out.count("unchanged") == len(rows) - 4
