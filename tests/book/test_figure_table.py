"""The page that says how everything is made has everything, and what it says exists."""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from execute import BOOK, ROOT
from figure_table import TABLES, chapters, contents, entries, entry, figures, problems, unnamed
from pwgf_core.options import parser
from pwgf_core.problems import PROBLEMS

PAGE = (BOOK / "reproducing.md").read_text(encoding="utf-8")
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
rows = cache(lambda: dict(entries()))
lines = cache(lambda: chapters().splitlines())


def picture(name: str | None) -> NotebookNode:
    cell = new_code_cell("draw()", outputs=[new_output("display_data", {"image/png": "eA=="})])
    if name:
        cell.metadata["mystnb"] = {"figure": {"name": name}}
    return cell


def test_a_row_of_a_small_notebook() -> None:
    code = (
        'a = stored_results("sweep")\nimport method_results as m\nPath("data/speeds.json")\n'
        'p = problem("heat", seed=1)\nq = problem("heat")\nwidgets.panel("double_well_1d", draw)'
    )
    found = entry(new_notebook(cells=[new_code_cell(code), picture("one"), picture("two")]))
    assert found.figures == ["one", "two"]
    assert found.reads == ["results/sweep.json", "results/other_methods.json", "data/speeds.json"]
    assert found.problems == ["heat", "double_well_1d"]
    assert (found.widgets, found.claims) == (0, 0)
    assert len(unnamed(new_notebook(cells=[picture("one"), picture(None)]))) == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_picture_of_a_chapter_has_a_label_in_the_table(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert not unnamed(notebook)
    assert path.stem in contents()
    (row,) = [line for line in lines() if f"`{path.stem}`" in line.split("|")[1]]
    assert re.findall(r"\{numref\}`(\S+)`", row) == figures(notebook)


def test_stored_files_are_on_the_page_and_read() -> None:
    stored = {
        path.relative_to(BOOK).as_posix()
        for folder in ("results", "data")
        for path in (BOOK / folder).glob("*.json")
    }
    assert set(re.findall(r"^\| `((?:results|data)/\S+)`", PAGE, re.MULTILINE)) == stored
    reads = {place for row in rows().values() for place in row.reads}
    assert reads <= stored
    assert stored - reads <= {"data/ornstein_uhlenbeck_jko.json"}  # read by method_cases.py


def test_both_tables_are_on_the_page() -> None:
    assert re.findall(r"^```\{figure-table\} (\w+)$", PAGE, re.MULTILINE) == list(TABLES)
    used = {problem for row in rows().values() for problem in row.problems}
    assert set(re.findall(r"^\| `run (\w+)` \|", problems(), re.MULTILINE)) == used


def test_commands_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)`", PAGE)) <= set(targets)
    for tool in re.findall(r"book/tools/\w+\.py", PAGE):
        assert (ROOT / tool).exists()
    commands = re.findall(r"^ {4}\.venv/bin/python -m pwgf_core (.*)$", PAGE, re.MULTILINE)
    assert commands
    for line in commands:
        parser().parse_args(line.split())
    assert {problem for row in rows().values() for problem in row.problems} <= set(PROBLEMS)


@pytest.mark.browser
def test_the_built_page_links_to_every_figure(site: Path) -> None:
    page = BeautifulSoup(
        (site / "book/reproducing.html").read_text(encoding="utf-8"), "html.parser"
    )
    linked = {str(a["href"]).rsplit("#")[-1] for a in page.select(".figure-table a[href]")}
    named = {label for row in rows().values() for label in row.figures}
    assert named
    assert named <= linked
