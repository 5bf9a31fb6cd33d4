"""Sphinx extension: punctuation stays on the line of the formula that it belongs to.

A browser may break a line between an inline formula and what touches it, so `$j \\notin N$,` could
leave a comma alone at the start of a line. The formula and the marks are kept together.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

AFTER = re.compile(r"[^\s\w]+")  # marks at the start of the text behind a formula
BEFORE = re.compile(r"[(\[“‘]+$")


class Punctuation(SphinxPostTransform):
    """Wraps an inline formula and the marks that touch it in a span that is not broken."""

    default_priority = 900

    def run(self, **_: Any) -> None:
        for formula in list(self.document.findall(nodes.math)):
            before = cut(formula, -1, BEFORE)
            after = cut(formula, 1, AFTER)
            if not (before or after):
                continue
            together = nodes.inline("", classes=["together"])
            formula.replace_self(together)
            parts = nodes.Text(before), formula, nodes.Text(after)
            together.extend(part for part in parts if part)


def cut(formula: nodes.math, side: int, marks: re.Pattern[str]) -> str:
    """Take the marks out of the text on one side of a formula (1: behind it) and return them."""
    siblings = formula.parent.children
    place = siblings.index(formula) + side
    if not 0 <= place < len(siblings) or not isinstance(siblings[place], nodes.Text):
        return ""
    text = siblings[place].astext()
    found = marks.match(text) if side > 0 else marks.search(text)
    if not found:
        return ""
    rest = text[found.end() :] if side > 0 else text[: found.start()]
    formula.parent.replace(siblings[place], nodes.Text(rest))
    return found.group()


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_post_transform(Punctuation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
