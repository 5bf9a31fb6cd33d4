"""Sphinx extension: build the book also as one page, for printing.

Some extensions register their nodes for html only; the singlehtml builder then fails.
"""

from typing import Any


def merge(app: Any) -> None:
    """Give singlehtml the html handlers it lacks."""
    handlers = app.registry.translation_handlers
    if app.builder.name == "singlehtml":
        handlers["singlehtml"] = {**handlers.get("html", {}), **handlers.get("singlehtml", {})}


def setup(app: Any) -> dict[str, bool]:
    """Merge once the builder is known."""
    app.connect("builder-inited", merge)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
