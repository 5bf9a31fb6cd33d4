"""Every page of the built book in a headless Chromium that reaches nothing but the book.

Pictures of the pages, in light and dark, are left in _build/screenshots for a person to look at.
"""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pictures import changed
from playwright.sync_api import Browser, BrowserContext, Page, Response, Route, ViewportSize

pytestmark = pytest.mark.browser

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


def test_widgets(visit: Visit, widget_page: str) -> None:
    """Each slider and menu changes the picture that is seen, and each Play button moves it on."""
    tab = visit.open(widget_page)
    tab.locator(".noUi-handle").first.wait_for(state="visible")
    pictures = changed(tab, [])
    for handle in tab.locator(".noUi-handle").all():
        handle.focus()
        tab.keyboard.press("ArrowRight")
        pictures = changed(tab, pictures)
    for menu in tab.locator("select:enabled").all():
        menu.select_option(index=1)
        pictures = changed(tab, pictures)
    for play in tab.locator(".widget-play").all():
        play.locator("button").first.click()
        pictures = changed(tab, pictures)
        changed(tab, pictures)
    assert visit.problems == []


def test_a_panel_without_a_kernel_says_so(visit: Visit, widget_page: str) -> None:
    """It shows a picture and cannot be used, but for what the page itself moves."""
    tab = visit.open(widget_page)
    runs = tab.locator("button.jupyter-button", has_text="Run")
    for panel in tab.locator(".widget-vbox").filter(has=runs).all():
        assert "needs a running kernel" in panel.inner_text()
        assert panel.locator("input:enabled, select:enabled, button:enabled").count() == 0
        assert panel.locator("img.widget-image").count() == 1
    assert tab.locator("button:enabled", has_text="Run").count() == 0
