"""Grade a folder of submissions by machine."""

import hashlib
import shutil
import time
import warnings
from pathlib import Path

import nbformat
from sqlalchemy.exc import SAWarning

from . import report
from .course import api, names, prepare, release
from .failures import Failures
from .submissions import Submission, collect, merge

TRACEBACK = "Traceback (most recent call last):"


def enter(course: Path, submission: Submission) -> bool:
    """Write the merged notebook where nbgrader looks for it; whether it must be graded.

    It need not if the same answers were graded with the same tests.
    """
    student, name = submission.student, submission.assignment
    merged = merge(release(course, name), submission)
    source = (course / "source" / name / f"{name}.ipynb").read_bytes()
    digest = hashlib.sha256(nbformat.writes(merged).encode() + source).hexdigest()
    merged.metadata["pwgf"]["digest"] = digest
    before = report.graded_notebook(course, student, name)
    if before is not None and before.metadata.get("pwgf", {}).get("digest") == digest:
        return False
    folder = course / "submitted" / student / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    nbformat.write(merged, folder / f"{name}.ipynb")
    return True


def autograde(course: Path, submission: Submission, secret: list[Path]) -> str:
    """Grade one submission that was entered; what nbgrader said if it failed, else ""."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own queries
        result = api(course, secret).autograde(submission.assignment, submission.student)
    if result["success"]:
        return ""
    return f"the grader failed: {reason(str(result.get('log') or result.get('error') or ''))}"


def depth(line: str) -> int:
    """How far a line is indented."""
    return len(line) - len(line.lstrip())


def reason(log: str) -> str:
    """The line of a log with the exception: the first below the frames of the last traceback."""
    lines = [line for line in log.splitlines() if line.strip()]
    starts = [at for at, line in enumerate(lines) if line.endswith(TRACEBACK)]
    below = lines[starts[-1] + 1 :] if starts else []
    found = [line for line in below if depth(line) < depth(below[0])] or lines[-1:]
    return found[0].strip() if found else "without a message"


def attempt(course: Path, submission: Submission, secret: list[Path]) -> tuple[str, str]:
    """Grade one submission: what is printed about it, and why it has no points, or ""."""
    if not submission.assignment or submission.notebook is None:
        trouble = "; ".join(submission.notes)
    elif not enter(course, submission):
        return "unchanged", ""
    else:
        trouble = autograde(course, submission, secret)
    return f"not graded: {trouble}" if trouble else "graded", trouble


def grade(course: Path, folder: Path) -> list[report.Row]:
    """Grade everything in `folder`, print a line for each, and write course/grades.csv.

    Marks given by hand earlier are kept. Raises what `collect` and `prepare` raise.
    """
    submissions = collect(folder, names())
    prepare(course, sorted({each.assignment for each in submissions} - {""}))
    failures = Failures(course, folder)
    for each in submissions:
        start = time.monotonic()
        outcome, trouble = attempt(course, each, [folder])
        failures.note(each, trouble)
        seconds = time.monotonic() - start
        name = each.assignment or "-"
        print(f"{each.student} {name} {outcome} ({seconds:.0f} s)", flush=True)
    table = report.rows(course)
    report.write(course / "grades.csv", table)
    return table
