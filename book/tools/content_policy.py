"""Sphinx extension: each page says that it loads and runs nothing but the book's own files.

A Content-Security-Policy names the SHA-256 sums of the page's inline scripts and of its two button
handlers ('unsafe-hashes' admits exactly those), so that no other inline script runs. Inline styles
cannot be listed: MathJax and the widgets write theirs in the browser.
"""

import base64
import hashlib
import html
import re
from pathlib import Path
from typing import Any

RULES = {
    "default-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
}
INLINE = re.compile(r"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)
HANDLER = re.compile(r"<[a-z][^<>]*?\son[a-z]+=\"(?P<body>[^\"]*)\"")
DATA = re.compile(r"\btype=\"(?!text/javascript|module)")  # what a browser does not run
META = '<meta http-equiv="Content-Security-Policy" content="{}" />'


def sums(texts: set[str]) -> list[str]:
    """The texts as sources of a policy."""
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return sorted(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def policy(page: str) -> str:
    """The policy of a page, from its HTML."""
    scripts = {
        found["body"]
        for found in INLINE.finditer(page)
        if found["body"] and not DATA.search(found["attributes"])
    }
    handlers = {html.unescape(found["body"]) for found in HANDLER.finditer(INLINE.sub("", page))}
    sources = ["'self'", *sums(scripts)]
    if handlers:
        sources += ["'unsafe-hashes'", *sums(handlers)]
    rules = RULES | {"script-src": " ".join(sources)}
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def protect(path: Path) -> None:
    """Put the policy first in the head of a page, unless it has one."""
    page = path.read_text(encoding="utf-8")
    if "Content-Security-Policy" in page:
        return
    head, found, rest = page.partition("<head>")
    if found:
        tag = META.format(html.escape(policy(page)))
        path.write_text(f"{head}{found}\n    {tag}{rest}", encoding="utf-8")


def finish(app: Any, error: Exception | None) -> None:
    """Protect the pages of a finished site."""
    if error is None and app.builder.name == "html":
        for path in Path(app.outdir).rglob("*.html"):
            if "_static" not in path.parts:
                protect(path)


def setup(app: Any) -> dict[str, bool]:
    """Run when all pages are written."""
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
