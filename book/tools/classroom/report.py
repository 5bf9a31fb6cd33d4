"""The table of points: one row for each student and assignment."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, SubmittedNotebook

from .failures import load

COLUMNS = [
    "student",
    "assignment",
    "questions",
    "automatic",
    "automatic_max",
    "manual",
    "manual_max",
    "total",
    "state",
    "note",
    "comments",
]
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass
class Row:
    """One line of the table.

    `manual` is empty until every answer is marked; all points are where nothing was graded.
    """

    student: str
    assignment: str
    questions: str = ""
    automatic: float | str = ""
    automatic_max: float | str = ""
    manual: float | str = ""
    manual_max: float | str = ""
    total: float | str = ""
    state: str = "not graded"
    note: str = ""
    comments: str = ""

    def cells(self) -> list[str]:
        """Texts that a spreadsheet does not take for formulas."""
        values = [getattr(self, name) for name in COLUMNS]
        texts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
        return [f"'{text}" if text.startswith(FORMULA) else text for text in texts]


def comments(submitted: SubmittedNotebook) -> str:
    """What was written into the comment fields of the formgrader, on one line."""
    written = ((each.name, each.manual_comment) for each in submitted.comments)
    return "; ".join(f"{name}: {' '.join(text.split())}" for name, text in written if text)


def row(submitted: SubmittedNotebook, graded: NotebookNode | None) -> Row:
    """The row of a notebook: its points in the gradebook, order and notes from `graded`.

    Without `graded` there are no points: the gradebook has zeros for what was never run.
    """
    student, name = submitted.student.id, submitted.assignment.name
    if graded is None:
        return Row(student, name, note="the graded notebook is missing")
    order = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in graded.cells]
    notes = graded.metadata.get("pwgf", {}).get("notes", [])
    by_hand = {cell.name for cell in submitted.notebook.solution_cells}
    manual = [grade for grade in submitted.grades if grade.name in by_hand]
    automatic = [grade for grade in submitted.grades if grade.name not in by_hand]
    automatic.sort(key=lambda grade: order.index(grade.name))
    marked: list[Any] = [g.auto_score if g.manual_score is None else g.manual_score for g in manual]
    total: Any = submitted.score
    waiting = any(grade.needs_manual_grade for grade in submitted.grades) or None in marked
    return Row(
        student=student,
        assignment=name,
        questions="; ".join(
            f"{g.name.removeprefix('check-')} {g.auto_score or 0:g}/{g.max_score:g}"
            for g in automatic
        ),
        automatic=float(sum(grade.auto_score or 0 for grade in automatic)),
        automatic_max=float(sum(grade.max_score for grade in automatic)),
        manual="" if None in marked else float(sum(marked)),
        manual_max=float(sum(grade.max_score for grade in manual)),
        total=float(total),
        state="needs marking" if waiting else "graded",
        note="; ".join(notes),
        comments=comments(submitted),
    )


def graded_notebook(course: Path, student: str, assignment: str) -> NotebookNode | None:
    """The notebook as it was run, or None."""
    path = course / "autograded" / student / assignment / f"{assignment}.ipynb"
    return nbformat.read(path, as_version=4) if path.exists() else None


def rows(course: Path) -> list[Row]:
    """The rows of everything in the gradebook of the folder `course`, and of what failed."""
    failed = [Row(each.student, each.assignment, note=each.note) for each in load(course)]
    without = {(each.student, each.assignment) for each in failed}
    made = []
    with Gradebook(f"sqlite:///{course.resolve() / 'gradebook.db'}") as book:
        for assignment in book.assignments:
            for submission in book.assignment_submissions(assignment.name):
                (notebook,) = submission.notebooks
                student, name = submission.student.id, str(assignment.name)
                if (student, name) not in without:
                    made.append(row(notebook, graded_notebook(course, student, name)))
    return made + failed


def write(target: Path, table: Iterable[Row]) -> None:
    """Write the table as CSV, ordered by assignment and student."""
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for each in sorted(table, key=lambda row: (row.assignment, row.student)):
            writer.writerow(each.cells())
