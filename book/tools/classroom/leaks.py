"""Lines of solutions and hidden tests, and where a student version would show them."""

import json
import re
from collections.abc import Iterator
from itertools import chain

from nbformat import NotebookNode

REGION = re.compile(
    r"^[^\n]*BEGIN (SOLUTION|HIDDEN TESTS)[^\n]*\n(.*?)^[^\n]*END \1[^\n]*$",
    re.MULTILINE | re.DOTALL,
)
LEAST = 8  # letters and digits; a shorter line such as `else:` says nothing


def _solution_text(cell: NotebookNode) -> bool:
    """Whether all of a cell is a solution: a written answer, or code without a marked region."""
    marks = cell.metadata.get("nbgrader", {})
    return bool(marks.get("solution")) and not REGION.search(cell.source)


def _lines(text: str) -> list[str]:
    """The lines that say something."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if sum(map(str.isalnum, line)) >= LEAST]


def hidden_lines(source: NotebookNode) -> list[str]:
    """Lines of an instructor's version that students must not see."""
    hidden: list[str] = []
    for cell in source.cells:
        if _solution_text(cell):
            hidden += _lines(cell.source)
        for _, region in REGION.findall(cell.source):
            hidden += _lines(region)
    return list(dict.fromkeys(hidden))


def _visible(source: NotebookNode) -> str:
    parts = ("" if _solution_text(cell) else REGION.sub("", cell.source) for cell in source.cells)
    return "\n".join(parts)


def _strings(value: object) -> Iterator[str]:
    """All strings in nested lists and dictionaries."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from chain.from_iterable(_strings(each) for each in chain(value, value.values()))
    elif isinstance(value, list):
        yield from chain.from_iterable(map(_strings, value))


def leaks(source: NotebookNode, released: NotebookNode) -> list[str]:
    """Hidden lines of `source` that `released` shows more often than the open parts of `source`."""
    shown = "\n".join(_strings(json.loads(json.dumps(released))))
    visible = _visible(source)
    return [line for line in hidden_lines(source) if shown.count(line) > visible.count(line)]
