"""Every reference inside the built book resolves, and no page loads anything from elsewhere."""

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


@cache
def parse(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(page: Path) -> set[str]:
    return {str(tag["id"]) for tag in parse(page).find_all(id=True)} | {"", "top"}


def is_external(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme in ("http", "https")


def test_links_resolve(site: Path, page: str) -> None:
    """Each internal link names an existing file and an anchor in it."""
    here = site / page
    broken = []
    for link in parse(here).find_all("a", href=True):
        address = str(link["href"])
        if is_external(address) or urlsplit(address).scheme:
            continue
        path, anchor = unquote(urlsplit(address).path), unquote(urlsplit(address).fragment)
        target = (here.parent / path).resolve() if path else here
        if not target.is_file() or (target.suffix == ".html" and anchor not in anchors(target)):
            broken.append(address)
    assert not broken


def test_nothing_external_is_loaded(site: Path, page: str) -> None:
    """Scripts, style sheets, pictures and frames come from the book itself."""
    loaded = [
        str(tag[attribute])
        for name, attribute in LOADED.items()
        for tag in parse(site / page).find_all(name, attrs={attribute: True})
    ]
    assert loaded or page == "index.html"
    assert not [address for address in loaded if is_external(address)]


def test_styles_load_nothing_external(site: Path) -> None:
    """Style sheets import no style sheet and no font from elsewhere."""
    sheets = list((site / "_static").rglob("*.css"))
    assert sheets
    for sheet in sheets:
        text = sheet.read_text(encoding="utf-8").replace(" ", "").replace('"', "").replace("'", "")
        assert "url(http" not in text, sheet
        assert "url(//" not in text, sheet
        assert "@importhttp" not in text, sheet
