"""Grade a folder of submissions by machine."""

import shutil
import time
import warnings
from pathlib import Path

import nbformat
from sqlalchemy.exc import SAWarning

from . import report
from .course import api, names, prepare, release
from .submissions import Submission, collect, merge


def enter(course: Path, submission: Submission) -> None:
    """Write the merged notebook where nbgrader looks for it."""
    name = submission.assignment
    folder = course / "submitted" / submission.student / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    merged = merge(release(course, name), submission)
    nbformat.write(merged, folder / f"{name}.ipynb")


def autograde(course: Path, submission: Submission, secret: list[Path]) -> str:
    """Grade one submission; what nbgrader said if it failed, else ""."""
    enter(course, submission)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own queries
        result = api(course, secret).autograde(submission.assignment, submission.student)
    if result["success"]:
        return ""
    lines = str(result.get("log") or result.get("error") or "").strip().splitlines()
    return f"nbgrader failed: {lines[-1] if lines else 'without a message'}"


def grade(course: Path, folder: Path) -> list[report.Row]:
    """Grade everything in `folder`, print a line for each, and write course/grades.csv.

    Marks given by hand earlier are kept. Raises what `collect` and `prepare` raise.
    """
    submissions = collect(folder, names())
    prepare(course, sorted({each.assignment for each in submissions} - {""}))
    failed: dict[tuple[str, str], report.Row] = {}
    for each in submissions:
        start = time.monotonic()
        trouble = autograde(course, each, [folder]) if each.assignment else "; ".join(each.notes)
        if trouble:
            row = report.Row(each.student, each.assignment, note=trouble)
            failed[each.student, each.assignment] = row
        outcome = f"not graded: {trouble}" if trouble else "graded"
        seconds = time.monotonic() - start
        print(f"{each.student} {each.assignment} {outcome} ({seconds:.0f} s)", flush=True)
    table = [row for row in report.rows(course) if (row.student, row.assignment) not in failed]
    table += failed.values()
    report.write(course / "grades.csv", table)
    return table
