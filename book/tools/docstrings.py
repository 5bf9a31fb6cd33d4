"""Sphinx extension: docstrings of plain text, as reStructuredText for autodoc.

The docstrings write |x| for a norm, * for a product and `name` for code, as a reader of the
source expects. Examples (>>>) stay as they are.
"""

from __future__ import annotations

import re
from enum import EnumType
from typing import Any

CODE = re.compile(r"`([^`]+)`")


def restructured(text: str) -> str:
    """Code in double backticks; outside of it, the characters that mark up text escaped.

    >>> print(restructured("min |Jξ − v|² by `minres`, 2*x"))
    min \\|Jξ − v\\|² by \\ ``minres``\\ , 2\\*x
    """
    parts = CODE.split(text)  # text, code, text, code, …
    parts[::2] = [re.sub(r"([|*_\\])", r"\\\1", part) for part in parts[::2]]
    # "\\ " shows nothing, and lets code touch the text around it
    parts[1::2] = [f"\\ ``{' '.join(code.split())}``\\ " for code in parts[1::2]]
    return "".join(parts)


def convert(docstring: str) -> str:
    """A docstring by paragraphs; one that begins with an example stays as it is."""
    return "\n\n".join(
        part if part.lstrip().startswith(">>>") else restructured(part)
        for part in docstring.split("\n\n")
    )


def process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring in place."""
    lines[:] = convert("\n".join(lines)).split("\n")


def skip(app: Any, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out the fields of named tuples, which the class's docstring explains."""
    return (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") or None


def signature(app: Any, what: str, name: str, obj: Any, *_: Any) -> tuple[str, None] | None:
    """An enumeration is not called: no arguments."""
    return ("", None) if isinstance(obj, EnumType) else None


def setup(app: Any) -> dict[str, bool]:
    """Run for every documented object."""
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
