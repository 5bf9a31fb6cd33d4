"""The built book, as the tests of links and of the browser see it, and the browser."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

import chromium

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

SITE = Path(__file__).parents[2] / "_build" / "html"
PAGES = sorted(
    page.relative_to(SITE).as_posix()
    for page in SITE.rglob("*.html")
    if "_static" not in page.parts and "_sources" not in page.parts
)
WIDGET_PAGES = [
    page for page in PAGES if "widget-view+json" in (SITE / page).read_text(encoding="utf-8")
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `page` or `widget_page` once for each such page of the book."""
    for name, pages in (("page", PAGES), ("widget_page", WIDGET_PAGES)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, pages or ["not built"])


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built book."""
    if not PAGES:
        pytest.fail("the book is not built: run `make book` first")
    return SITE


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    path = chromium.find()
    if path is None and os.environ.get("CI") == "true":
        pytest.fail(chromium.HELP)
    if path is None:
        pytest.skip(chromium.HELP)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
