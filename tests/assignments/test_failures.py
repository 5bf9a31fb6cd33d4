"""Who has no points is in the table, with the reason, until the submission has been graded."""

import shutil
from pathlib import Path

import nbformat
import pytest

from classroom import course, report, session
from classroom.failures import Failures, load
from classroom.grade import grade, reason
from classroom.submissions import Submission

NAME = "wasserstein_distance"
STUDENTS = ["Ann Lee", "M\u00fcller, J\u00f6rg (2)"]


def test_a_busy_machine_and_then_a_free_one(
    tmp_path: Path,
    prepared: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A grader that fails gives no zeros, and nobody is lost when the table is written again."""
    place, folder = tmp_path / "course", tmp_path / "handed_in"
    for student in STUDENTS:
        (folder / student).mkdir(parents=True)
        nbformat.write(course.release(prepared, NAME), folder / student / f"{NAME}.ipynb")
    (folder / "broken").mkdir()
    (folder / "broken" / f"{NAME}.ipynb").write_text("{")

    monkeypatch.setattr(session, "START", 0.0)
    grade(place, folder)
    out = capsys.readouterr().out
    assert f"Ann Lee {NAME} not graded: the grader failed: RuntimeError: the runner did not" in out
    assert f"broken {NAME} not graded: {NAME}.ipynb: not a notebook" in out
    table = {row.student: row for row in report.rows(place)}
    assert table.keys() == {*STUDENTS, "broken"}
    assert all(
        (row.state, row.total, row.automatic) == ("not graded", "", "") for row in table.values()
    )
    assert all(session.TOO_BUSY in table[student].note for student in STUDENTS)

    monkeypatch.undo()
    grade(place, folder)
    table = {row.student: row for row in report.rows(place)}
    assert [table[student].state for student in STUDENTS] == ["graded", "graded"]
    assert table["broken"].state == "not graded"

    shutil.rmtree(place / "autograded" / STUDENTS[1])
    (row,) = (row for row in report.rows(place) if row.student == STUDENTS[1])
    assert (row.state, row.total, row.note) == ("not graded", "", "the graded notebook is missing")


def test_the_reason_is_the_line_of_the_exception() -> None:
    log = """[INFO] Converting notebook
[ERROR] There was an error processing assignment: x
[ERROR] Traceback (most recent call last):
      File "session.py", line 3, in receive
    TimeoutError

    During handling of the above exception, another exception occurred:

    Traceback (most recent call last):
      File "session.py", line 9, in start
        raise RuntimeError
    RuntimeError: the runner did not start

[ERROR] There was an error processing assignment 'a' for student 'b'
[ERROR] Please see the the above traceback for details on the specific errors.
"""
    for text in (log, log.replace("\n    ", "\n")):
        assert reason(text) == "RuntimeError: the runner did not start"
    assert reason("[ERROR] no traceback") == "[ERROR] no traceback"
    assert reason("") == "without a message"


def test_failures_are_kept_for_each_folder(tmp_path: Path) -> None:
    """Grading a folder forgets its former failures, and those of what is graded there."""

    def kept() -> list[tuple[str, str]]:
        return [(each.student, each.note) for each in load(tmp_path)]

    first = Failures(tmp_path, tmp_path / "one")
    first.note(Submission("ann", "a"), "broken")
    first.note(Submission("bob", ""), "no file")
    Failures(tmp_path, tmp_path / "two").note(Submission("bob", "a"), "late")
    assert kept() == [("ann", "broken"), ("bob", "no file"), ("bob", "late")]
    Failures(tmp_path, tmp_path / "two").note(Submission("ann", "a"), "")
    assert kept() == [("bob", "no file")]
    Failures(tmp_path, tmp_path / "one")
    assert kept() == []
