"""The pictures that a reader sees in widgets, on a page and in JupyterLab."""

import pytest
from playwright.sync_api import Locator, Page

# Widget pictures have new blob addresses now and then, which the page's policy lets no script
# fetch: compare what is drawn.
SEEN = """root => Promise.all(
    [...root.querySelectorAll(".jupyter-widgets img, img.widget-image")]
    .filter(e => e.offsetParent !== null)
    .map(async e => {
        await e.decode();
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [e.naturalWidth, e.naturalHeight];
        const context = canvas.getContext("2d");
        context.drawImage(e, 0, 0);
        const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
        return data.length + ":" + data.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 0);
    }))"""


def seen(part: Page | Locator) -> list[str]:
    """A hash of each visible picture."""
    part = part.locator("body") if isinstance(part, Page) else part
    return part.evaluate(SEEN)


def changed(part: Page | Locator, before: list[str], seconds: int = 5) -> list[str]:
    """The visible pictures as soon as they are not those of `before`."""
    tab = part if isinstance(part, Page) else part.page
    for _ in range(10 * seconds):
        if (pictures := seen(part)) != before:
            return pictures
        tab.wait_for_timeout(100)
    pytest.fail(f"the pictures did not change within {seconds} s")
