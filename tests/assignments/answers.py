"""Wrong answers kept as text, and grading in one process for the sake of speed.

A file `wrong/ASSIGNMENT/NAME.py` says in its first lines what is wrong and which checks must fail,
then gives the contents of answer cells:

    # The squared distance.
    # fails: check-distance check-action
    # %% distance
    def w2(...): ...
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import pytest
import torch
from nbformat import NotebookNode

from classroom.execute import kind

WRONG = Path(__file__).parent / "wrong"
HEAD = re.compile(r"# (?P<title>.+)\n# fails:(?P<fails>.*)\n")
CELL = re.compile(r"^# %% (\S+)\n", re.MULTILINE)


@dataclass(frozen=True)
class WrongAnswer:
    """What is wrong, the check cells that must give no points, and the cells that are replaced."""

    title: str
    fails: frozenset[str]
    cells: dict[str, str]


def parse(text: str) -> WrongAnswer:
    """A wrong answer from its file's text."""
    head = HEAD.match(text)
    assert head is not None, f"the file must begin with '# title' and '# fails: ...', got {text!r}"
    _, *parts = CELL.split(text[head.end() :])
    cells = dict(zip(parts[::2], (part.strip("\n") for part in parts[1::2]), strict=True))
    assert cells, "no cell: a line '# %% grade_id' must begin one"
    return WrongAnswer(head["title"], frozenset(head["fails"].split()), cells)


def wrong_answers(name: str) -> list[Path]:
    """The files of an assignment."""
    return sorted((WRONG / name).glob("*.py"))


def grade_id(cell: NotebookNode) -> str:
    """The id of a cell, or ""."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def points(notebook: NotebookNode) -> dict[str, float]:
    """What the check cells are worth."""
    return {
        grade_id(cell): float(cell.metadata.nbgrader.points)
        for cell in notebook.cells
        if cell.cell_type == "code" and kind(cell) == "check"
    }


def replaced(notebook: NotebookNode, cells: dict[str, str]) -> NotebookNode:
    """A copy of a notebook with other contents in the cells named."""
    copy = deepcopy(notebook)
    missing = cells.keys() - {grade_id(cell) for cell in copy.cells}
    assert not missing, f"no cells {sorted(missing)}"
    for cell in copy.cells:
        cell.source = cells.get(grade_id(cell), cell.source)
    return copy


@contextmanager
def same_dtype() -> Iterator[None]:
    """Undo what a notebook does to torch's default dtype."""
    dtype = torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)


def run(notebook: NotebookNode) -> dict[str, BaseException]:
    """Errors of the code cells, by grade_id or number: cells as the grader runs them, but here."""
    space: dict[str, object] = {"__name__": "__main__"}
    setup, errors = [], {}
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        name = grade_id(cell) or str(number)
        code = compile(cell.source, f"<{name}>", "exec")
        try:
            if kind(cell) == "check":
                fresh = dict(space)
                for part in [*setup, code]:
                    exec(part, fresh)
            else:
                exec(code, space)
                setup += [code] * (kind(cell) == "setup")
        except Exception as error:
            error.__traceback__ = shorter(error.__traceback__)
            errors[name] = error
    return errors


def shorter(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frame of this file."""
    return trace.tb_next if trace else None


def grade(notebook: NotebookNode) -> tuple[dict[str, float], dict[str, BaseException]]:
    """Points of each check cell, and all errors."""
    with same_dtype():
        errors = run(notebook)
    return {n: 0.0 if n in errors else p for n, p in points(notebook).items()}, errors


def ids(path: Path) -> str:
    """The name of a test case."""
    return f"{path.parent.name}-{path.stem}"


def every_wrong_answer() -> list["pytest.param"]:  # type: ignore[valid-type]
    """(assignment, file) of all wrong answers."""
    return [
        pytest.param(folder.name, path, id=ids(path))
        for folder in sorted(WRONG.iterdir())
        for path in wrong_answers(folder.name)
    ]
