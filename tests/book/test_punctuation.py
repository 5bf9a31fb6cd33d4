"""Punctuation is kept on the line of its formula."""

from __future__ import annotations

import pytest
from docutils import nodes
from docutils.utils import new_document

from punctuation import Punctuation


def line(*parts: nodes.Node | str) -> nodes.document:
    document = new_document("page")
    document += nodes.paragraph(
        "", "", *(nodes.Text(p) if isinstance(p, str) else p for p in parts)
    )
    return document


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("If ", ", then", "x,"),
        ("the law (", ").", "(x)."),
        ("a ", "-algebra", "x-"),
        ("with ", " and", None),
        ("", "", None),
    ],
)
def test_marks_that_touch_a_formula_stay_with_it(before: str, after: str, kept: str | None) -> None:
    document = line(before, nodes.math("", "x"), after)
    text = document.astext()
    Punctuation(document).run()
    assert document.astext() == text
    spans = [span.astext() for span in document.findall(nodes.inline)]
    assert spans == ([kept] if kept else [])


def test_two_formulas_and_marks_between_them() -> None:
    document = line("for ", nodes.math("", "x"), ", ", nodes.math("", "y"), ".")
    Punctuation(document).run()
    assert document.astext() == "for x, y."
    assert [span.astext() for span in document.findall(nodes.inline)] == ["x,", "y."]
