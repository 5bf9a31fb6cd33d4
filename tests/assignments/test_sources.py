"""The solution gets all points, the student version none, and it hides what it must."""

import ast
import re
import shutil
import time
import zipfile
from pathlib import Path

import jupytext
import pytest
from answers import every_wrong_answer, grade, parse, points, replaced, wrong_answers
from nbformat import NotebookNode

from classroom import course
from classroom.execute import LimitedExecute
from classroom.leaks import REGION, hidden_lines, leaks
from classroom.release import pack
from execute import BOOK

TESTS = ("call", "compare", "confirm")
TITLE = re.compile(r"^(?:#+|:+\{prf:\w+\}) (.+)$", re.MULTILINE)  # of a section, of a theorem
PARTS = re.compile(r"^## \d+\. .+ \((\d+) points?(, marked by hand)?\)$", re.MULTILINE)


def text_of(name: str) -> str:
    return (course.SOURCES / name / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", [1, 2, 31])
def test_the_solution_gets_all_points(name: str, seed: int) -> None:
    """With the numbers of any class."""
    notebook = course.notebook(name, seed)
    earned, errors = grade(notebook)
    assert not errors
    assert earned == points(notebook)


def test_the_solution_passes_within_the_limits_of_grading(name: str, tmp_path: Path) -> None:
    """Nothing that it uses is refused, and a minute on two cores is enough."""
    notebook = course.notebook(name)
    files = tmp_path / "files"
    shutil.copytree(course.SOURCES / name, files, ignore=shutil.ignore_patterns("*.md"))
    start = time.monotonic()
    LimitedExecute(config=course.settings()).execute(notebook, files, [course.ASSIGNMENTS])
    assert time.monotonic() - start < 60
    assert notebook.metadata["pwgf"]["notes"] == []
    kinds = [o.output_type for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert "error" not in kinds


def test_the_student_version_gets_none(name: str, released: NotebookNode) -> None:
    """No points, and no error but in the checks."""
    earned, errors = grade(released)
    assert earned == dict.fromkeys(points(course.notebook(name)), 0.0)
    assert errors.keys() == earned.keys()


@pytest.mark.parametrize(("assignment", "path"), every_wrong_answer())
def test_a_wrong_answer_gets_exactly_its_points(assignment: str, path: Path) -> None:
    answer, notebook = parse(path.read_text(encoding="utf-8")), course.notebook(assignment)
    earned, errors = grade(replaced(notebook, answer.cells))
    assert answer.fails <= earned.keys()
    assert {check for check, got in earned.items() if got == 0} == answer.fails
    assert sum(earned.values()) == sum(
        worth for check, worth in points(notebook).items() if check not in answer.fails
    )
    assert errors.keys() == answer.fails  # nothing but the checks complains


def test_questions_and_wrong_answers_are_enough(name: str) -> None:
    """Four autograded questions, one marked by hand with a rubric, and four wrong answers at least.

    The points in the headings are those of the cells; each check fails for some wrong answer.
    """
    notebook = course.notebook(name)
    by_hand = [
        cell.metadata.nbgrader.points
        for cell in notebook.cells
        if cell.cell_type == "markdown" and cell.metadata.get("nbgrader", {}).get("grade")
    ]
    assert len(points(notebook)) >= 4
    assert len(by_hand) >= 1
    text = text_of(name)
    stated = [(float(number), bool(hand)) for number, hand in PARTS.findall(text)]
    assert sum(number for number, hand in stated if hand) == sum(by_hand)
    assert sum(number for number, hand in stated if not hand) == sum(points(notebook).values())
    assert "*Marks.*" in text
    assert re.search(r"\bhours?\b", text), "say how many hours a student needs"

    answers = [parse(path.read_text(encoding="utf-8")) for path in wrong_answers(name)]
    assert len(answers) >= 4
    assert set().union(*(answer.fails for answer in answers)) == set(points(notebook))


@pytest.mark.parametrize("short", [each for each in course.names() if each != "your_own_equation"])
def test_the_rubric_does_not_answer_the_question(short: str) -> None:
    """Students read points for each part only; the rubric is on top of the model answer.

    The project of the last assignment has no answer to give away: its students see the rubric.
    """
    text = text_of(short)
    (marks,) = re.findall(r"^\*Marks\.\* (.+?)\n\n", text, re.MULTILINE | re.DOTALL)
    parts = re.findall(r"[Pp]art \d: (\d) points?", marks)
    assert re.sub(r"[Pp]art \d: \d points?[;.] ?", "", marks) == ""
    (cell,) = (c for c in course.notebook(short).cells if c.source.startswith("*Rubric.*"))
    assert cell.metadata.nbgrader.solution
    assert cell.metadata.nbgrader.points == sum(map(int, parts))


def test_code_is_not_wider_than_a_cell(name: str) -> None:
    """What is longer than 88 characters is cut at the edge of a cell."""
    cells = [cell for cell in course.notebook(name).cells if cell.cell_type == "code"]
    assert not [line for cell in cells for line in cell.source.splitlines() if len(line) > 88]


def test_each_visible_test_has_a_hint_and_something_to_read(name: str) -> None:
    """Also where the answer raises an error, through `call`."""
    for cell in course.notebook(name).cells:
        if cell.metadata.get("nbgrader", {}).get("grade") and cell.cell_type == "code":
            shown = REGION.sub("", cell.source)
            for node in ast.walk(ast.parse(shown)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in TESTS:
                    named = {each.arg for each in node.keywords}
                    assert {"hint", "read"} <= named, ast.unparse(node)


def test_what_to_read_is_in_the_book(name: str) -> None:
    """Sections and theorems that READ names in quotation marks have these titles."""
    titles = {
        title for page in (BOOK / "src").glob("*.md") for title in TITLE.findall(page.read_text())
    }
    for cell in course.notebook(name).cells:
        if cell.metadata.get("nbgrader", {}).get("grade") and cell.cell_type == "code":
            (read,) = (
                ast.literal_eval(node.value)
                for node in ast.parse(cell.source).body
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "READ"
            )
            assert set(re.findall(r"'([^']+)'", read)) <= titles, read


def test_nothing_hidden_is_released(name: str, released: NotebookNode) -> None:
    """No line of a solution or a hidden test, in sources, outputs or metadata."""
    notebook = course.notebook(name)
    assert len(hidden_lines(notebook)) >= 8
    assert not leaks(notebook, released)
    assert all(not cell.outputs for cell in released.cells if cell.cell_type == "code")


@pytest.mark.parametrize("place", ["source", "outputs", "metadata"])
def test_a_leak_is_found(name: str, released: NotebookNode, place: str) -> None:
    notebook = course.notebook(name)
    line = hidden_lines(notebook)[0]
    cell = next(cell for cell in released.cells if cell.cell_type == "code")
    if place == "source":
        cell.source += f"\n    {line}"
    elif place == "outputs":
        cell.outputs = [{"output_type": "stream", "name": "stdout", "text": f"{line}\n"}]
    else:
        released.metadata["old"] = {"source": [line]}
    assert leaks(notebook, released) == [line]


def test_metadata_survive_the_text_format(name: str) -> None:
    """The source is what jupytext writes, but for the versions in the header."""
    text = text_of(name)
    written = jupytext.writes(jupytext.reads(text, fmt="md:myst"), fmt="md:myst")
    versions = re.compile(r"^    (format_version|jupytext_version): .*\n", re.MULTILINE)
    assert versions.sub("", written) == text


def test_a_zip_holds_the_student_version_only(prepared: Path, name: str, tmp_path: Path) -> None:
    """The same bytes each time."""
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    for archive in (first, second):
        pack(archive, [prepared / "release" / name])
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as packed:
        assert f"{name}/{name}.ipynb" in packed.namelist()
        assert not [entry for entry in packed.namelist() if entry.endswith((".md", ".db"))]
