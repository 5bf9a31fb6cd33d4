"""Every page of the built book in a headless Chromium that reaches nothing but the book.

Pictures of the pages, in light and dark, are left in _build/screenshots for a person to look at.
"""

import functools
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import chromium
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Response,
    Route,
    ViewportSize,
    sync_playwright,
)

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = ViewportSize(width=1300, height=1000)
PHONE = ViewportSize(width=390, height=844)

UNTYPESET = """[...document.querySelectorAll(".math")]
    .filter(e => !e.querySelector("mjx-container")).map(e => e.textContent)"""
# What looks like a formula in the text outside code.
RAW_FORMULAS = r"""(() => {
    const page = document.body.cloneNode(true);
    page.querySelectorAll("pre, code, script, style, mjx-container").forEach(e => e.remove());
    return page.textContent.match(/\\[(\[][^\n]*|\$\$[^\n]*|\\begin\{[^\n]*/g) || [];
})()"""
TOO_WIDE = """[...document.querySelectorAll("body *")]
    .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(e => e.tagName + "." + e.className).slice(0, 10)"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Widget pictures have new blob addresses now and then: compare their bytes.
PICTURES = """Promise.all([...document.querySelectorAll(".jupyter-widgets img, img.widget-image")]
    .filter(e => e.offsetParent !== null)
    .map(async e => {
        const bytes = new Uint8Array(await (await fetch(e.src)).arrayBuffer());
        return bytes.length + ":" + bytes.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 0);
    }))"""


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A file server that does not log requests."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the book is served."""
    handler = functools.partial(QuietHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


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


class Visit:
    """One page opened with the network closed, and what went wrong on it."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.address = address
        self.problems: list[str] = []
        context.route("**/*", self.route)
        self.page: Page = context.new_page()
        self.page.on("response", self.response)
        self.page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))

    def route(self, route: Route) -> None:
        url = route.request.url
        if url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.problems.append(f"external request: {url}")
            route.abort()

    def response(self, response: Response) -> None:
        if response.status >= 400:
            self.problems.append(f"HTTP {response.status}: {response.url}")

    def open(self, page: str) -> Page:
        self.page.goto(self.address + page, wait_until="load")
        self.page.wait_for_load_state("networkidle")
        if self.page.locator(".math").count():
            self.page.evaluate("MathJax.startup.promise")
        return self.page


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """A fresh browser window, wide and light."""
    with browser.new_context(viewport=WIDE, color_scheme="light") as context:
        yield Visit(context, address)


def test_page(visit: Visit, page: str, site: Path) -> None:
    """Nothing fails or comes from outside, formulas are set, and a phone shows the whole width."""
    tab = visit.open(page)
    assert tab.evaluate(UNTYPESET) == []
    assert tab.locator("mjx-merror").count() == 0
    assert tab.evaluate(RAW_FORMULAS) == []

    folder = site.parent / "screenshots"
    name = page.removesuffix(".html").replace("/", "-")
    tab.screenshot(path=folder / f"{name}-light.png", full_page=True)
    tab.emulate_media(color_scheme="dark")
    tab.screenshot(path=folder / f"{name}-dark.png", full_page=True)

    tab.set_viewport_size(PHONE)
    tab.wait_for_timeout(500)  # the sidebar slides out
    tab.screenshot(path=folder / f"{name}-phone.png", full_page=True)
    assert tab.evaluate(OVERFLOW) == 0, tab.evaluate(TOO_WIDE)
    assert visit.problems == []


def changed(tab: Page, before: list[str]) -> list[str]:
    """The visible pictures as soon as they are not those of `before`."""
    for _ in range(50):
        if (pictures := tab.evaluate(PICTURES)) != before:
            return pictures
        tab.wait_for_timeout(100)
    pytest.fail("the pictures did not change within 5 s")


def test_widgets(visit: Visit, widget_page: str) -> None:
    """Each slider changes the picture that is seen, and each Play button moves it on."""
    tab = visit.open(widget_page)
    tab.locator(".noUi-handle").first.wait_for(state="visible")
    pictures = changed(tab, [])
    for handle in tab.locator(".noUi-handle").all():
        handle.focus()
        tab.keyboard.press("ArrowRight")
        pictures = changed(tab, pictures)
    for play in tab.locator(".widget-play").all():
        play.locator("button").first.click()
        pictures = changed(tab, pictures)
        changed(tab, pictures)
    assert visit.problems == []
