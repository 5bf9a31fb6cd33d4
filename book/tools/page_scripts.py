"""Sphinx extension: the scripts of a page, each once and without those of thebe.

Jupyter Book 1 registers inline scripts twice, and a second `const` is a page error. Thebe is off
in this book; its scripts would still name a server.
"""

from typing import Any


def clean(
    app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Drop repeated entries and thebe from the scripts of a page."""
    scripts = context.get("script_files", [])
    unique = {}
    for script in scripts:
        body = getattr(script, "attributes", {}).get("body")
        unique.setdefault(body or str(getattr(script, "filename", script)), script)
    scripts[:] = [script for key, script in unique.items() if "thebe" not in key]


def setup(app: Any) -> dict[str, bool]:
    """Run after the extensions that register the scripts."""
    app.connect("html-page-context", clean, priority=990)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
