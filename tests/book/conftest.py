"""The built book, as the tests of links and of the browser see it."""

from pathlib import Path

import pytest

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
