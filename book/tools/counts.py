"""Print how much of everything each chapter has; exit 1 if a theory chapter has too little.

Usage: `python book/tools/counts.py`. The theory chapters are those of the part "Theory" in
`_toc.yml`. Counted are theorems, propositions, lemmas and corollaries with a proof, cells that
check a claim, exercises with a solution, widgets, and the rows of the closing table of claims.
"""

import re
import sys
from itertools import pairwise
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

from execute import ROOT, WIDGET_VIEW, chapters

LEAST = {"proofs": 3, "check cells": 4, "exercises": 3, "widgets": 1, "claims": 4}
PROVED = re.compile(r"^:{3,}\{prf:(?:theorem|proposition|lemma|corollary|proof)\}", re.MULTILINE)


def proofs(text: str) -> int:
    """Number of statements that a proof follows before the next statement."""
    kinds = [found[0].rstrip("}").split(":")[-1] for found in PROVED.finditer(text)]
    return sum(first != "proof" and second == "proof" for first, second in pairwise(kinds))


def exercises(text: str) -> int:
    """Number of exercises that have a solution."""
    labels = re.findall(r"^:{3,}\{exercise\}.*\n:label: (\S+)", text, re.MULTILINE)
    solved = re.findall(r"^:{3,}\{solution\} (\S+)", text, re.MULTILINE)
    return len(set(labels) & set(solved))


def outputs(notebook: NotebookNode, kind: str) -> list[str]:
    """The outputs of one MIME type, in order."""
    return [
        output.data[kind]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if kind in output.get("data", {})
    ]


def counts(notebook: NotebookNode) -> dict[str, int]:
    """The counts of an executed notebook, by the names of `LEAST`."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    tables = [page for page in outputs(notebook, "text/html") if 'class="claims"' in page]
    return {
        "proofs": proofs(text),
        "check cells": sum("claims.check(" in source for source in code),
        "exercises": exercises(text),
        "widgets": len(outputs(notebook, WIDGET_VIEW)),
        "claims": tables[-1].count("<tr>") - 1 if tables else 0,
    }


def theory(toc: Path = ROOT / "_toc.yml") -> list[str]:
    """Names of the chapters in the part "Theory"."""
    parts = yaml.safe_load(toc.read_text(encoding="utf-8"))["parts"]
    return [
        Path(chapter["file"]).name
        for part in parts
        if part["caption"] == "Theory"
        for chapter in part["chapters"]
    ]


def shortfalls(found: dict[str, int]) -> list[str]:
    """What a theory chapter has too little of, in words."""
    return [
        f"{found[name]} {name}, at least {least} wanted"
        for name, least in LEAST.items()
        if found[name] < least
    ]


def main() -> int:
    """Print the table; return 1 if a theory chapter falls short."""
    required, failed = set(theory()), []
    print(f"{'chapter':24}" + "".join(f"{name:>13}" for name in LEAST))
    for _, path in chapters():
        found = counts(nbformat.read(path, as_version=4))
        print(f"{path.stem:24}" + "".join(f"{found[name]:13}" for name in LEAST))
        if path.stem in required:
            failed += [f"{path.stem}: {line}" for line in shortfalls(found)]
    print(*failed, sep="\n", end="\n" if failed else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
