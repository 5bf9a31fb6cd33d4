"""Sphinx extension: the directive `figure-table` lists what each chapter shows and what makes it.

Its two tables, `chapters` and `problems`, are made from the executed notebooks in the order of
`_toc.yml`, so that no figure can be missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import yaml
from docutils import nodes
from docutils.statemachine import StringList
from nbformat import NotebookNode
from sphinx.util.docutils import SphinxDirective

from counts import counts
from execute import BOOK, ROOT

READS = {  # in the cells of a chapter: the stored file that it reads
    r'stored_results\(\s*"(\w+)"': "results/{}.json",
    r"import method_(results)\b": "{}/other_methods.json",
    r'"data/(\w+)\.json"': "data/{}.json",
}
PROBLEM = re.compile(r'(?:\bproblem|\bwidgets\.panel)\(\s*"(\w+)"')


class Entry(NamedTuple):
    """What a chapter shows, and what that is made from."""

    figures: list[str]
    widgets: int
    claims: int
    reads: list[str]
    problems: list[str]


def contents(toc: Path = ROOT / "_toc.yml") -> list[str]:
    """Names of the pages of the book, in order."""
    book = yaml.safe_load(toc.read_text(encoding="utf-8"))
    chapters = [chapter["file"] for part in book["parts"] for chapter in part["chapters"]]
    return [Path(name).name for name in (book["root"], *chapters)]


def figures(notebook: NotebookNode) -> list[str]:
    """Labels of the numbered figures of a notebook."""
    marks = [cell.metadata.get("mystnb", {}).get("figure", {}) for cell in notebook.cells]
    return [mark["name"] for mark in marks if "name" in mark]


def unnamed(notebook: NotebookNode) -> list[str]:
    """Ids of the cells that show a picture without a label."""
    return [
        cell.id
        for cell in notebook.cells
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
        and "name" not in cell.metadata.get("mystnb", {}).get("figure", {})
    ]


def entry(notebook: NotebookNode) -> Entry:
    """The row of a notebook."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    reads = [
        place.format(name) for pattern, place in READS.items() for name in re.findall(pattern, code)
    ]
    found = counts(notebook)
    problems = re.findall(PROBLEM, code)
    return Entry(
        figures(notebook),
        found["widgets"],
        found["claims"],
        list(dict.fromkeys(reads)),
        list(dict.fromkeys(problems)),
    )


def entries() -> Iterator[tuple[str, Entry]]:
    """(chapter, row) of every page that is a notebook."""
    for name in contents():
        path = BOOK / f"{name}.ipynb"
        if path.exists():
            yield name, entry(nbformat.read(path, as_version=4))


def markdown(head: list[str], rows: list[list[Any]]) -> str:
    """A table in MyST Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def chapters() -> str:
    """The table of chapters: figures, numbers of widgets and claims, stored files."""
    rows = []
    for name, row in entries():
        shown = ", ".join(f"{{numref}}`{label}`" for label in row.figures) or "–"
        reads = ", ".join(f"`{place}`" for place in row.reads)
        rows.append([f"{{doc}}`{name}`", shown, row.widgets or "–", row.claims or "–", reads])
    return markdown(["chapter", "figures", "widgets", "claims", "reads"], rows)


def problems() -> str:
    """The table of problems by name: the chapters that run them."""
    users: dict[str, list[str]] = {}
    for name, row in entries():
        for problem in row.problems:
            users.setdefault(problem, []).append(f"{{doc}}`{name}`")
    rows: list[list[Any]] = [[f"`run {problem}`", ", ".join(users[problem])] for problem in users]
    return markdown(["command", "used in"], rows)


TABLES = {"chapters": chapters, "problems": problems}


class FigureTable(SphinxDirective):
    """The table that the argument names, where the directive stands."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        for name in contents():
            self.env.note_dependency(str(BOOK / f"{name}.ipynb"))
        place = nodes.container(classes=["figure-table"])
        text = StringList(TABLES[self.arguments[0]]().splitlines(), source=self.env.docname)
        self.state.nested_parse(text, self.content_offset, place)
        return [place]


def setup(app: Any) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("figure-table", FigureTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
