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
from .submissions import Submission, collect, merge


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
        start, trouble = time.monotonic(), ""
        if not each.assignment:
            trouble = "; ".join(each.notes)
        elif not enter(course, each):
            print(f"{each.student} {each.assignment} unchanged", flush=True)
            continue
        else:
            trouble = autograde(course, each, [folder])
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
