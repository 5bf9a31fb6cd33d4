"""Print the book: the single-page edition, with still pictures for widgets, to PDF by Chromium.

Run as `python book/tools/pdf.py PAGE.html OUT.pdf` after `jupyter-book build --builder singlehtml`.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import yaml
from playwright.sync_api import Page, sync_playwright

import chromium

ROOT = Path(__file__).resolve().parents[2]
VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
SHOWN = 3  # pictures of an animation that are printed: the first, one in the middle, the last
MARGIN = {"top": "16mm", "bottom": "18mm", "left": "14mm", "right": "14mm"}
FOOTER = "font-size: 8px; width: 100%; text-align: center"
NUMBER = f'<div style="{FOOTER}"><span class="pageNumber"></span></div>'
OPEN_ALL = """() => {
  document.querySelectorAll('details').forEach(d => d.open = true);
  document.querySelectorAll('.toggle-hidden').forEach(d => d.classList.remove('toggle-hidden'));
  document.querySelectorAll('.toggle-button, .copybtn').forEach(d => d.remove());
  document.documentElement.dataset.theme = 'light';
}"""
WIDTH = 688  # pixels of A4 between the margins
FIT = """() => document.querySelectorAll('mjx-container[display="true"]').forEach(m => {
  const wide = Math.max(...[...m.children].map(c => c.getBoundingClientRect().width));
  const room = m.parentElement.clientWidth;
  if (wide > room) m.style.fontSize = `${Math.floor(98 * room / wide)}%`;
})"""
STYLE = """
  .bd-header, .bd-sidebar, .bd-sidebar-secondary, .bd-header-article, .prev-next-footer,
  .bd-footer, .skip-link, #pst-skip-link, .headerlink, details > summary
    { display: none !important; }
  .bd-container, .bd-container__inner, .bd-main, .bd-content, .bd-article-container, .bd-article
    { display: block !important; width: 100% !important; max-width: none !important;
      margin: 0 !important; padding: 0 !important; }
  body { font-size: 11pt; }
  pre { white-space: pre-wrap !important; overflow-wrap: anywhere; font-size: 8.5pt; }
  details, details * { animation: none !important; opacity: 1 !important; }
  span[id^="document-"] + section { break-before: page; }
  h1, h2, h3, h4 { break-after: avoid; }
  figure, img, table, mjx-container { break-inside: avoid; }
  img { max-width: 100%; height: auto; }
  table { font-size: 9pt; max-width: 100%; }
  .stills img { display: block; margin: 2mm 0; }
"""


def pages(toc: dict[str, Any]) -> Iterator[Path]:
    """The notebooks of a table of contents, in the order of the book."""
    parts = toc.get("parts", [toc])
    names = [toc["root"], *(c["file"] for part in parts for c in part.get("chapters", []))]
    yield from (path for name in names if (path := ROOT / f"{name}.ipynb").exists())


def pictures(states: dict[str, Any], model: str) -> list[bytes]:
    """The images below a widget, in order."""
    own = states[model]["state"]
    if states[model]["model_name"] == "ImageModel":
        (buffer,) = states[model]["buffers"]
        return [base64.b64decode(buffer["data"])]
    children = [c.removeprefix("IPY_MODEL_") for c in own.get("children", [])]
    return [image for child in children for image in pictures(states, child)]


def stills(notebook: nbformat.NotebookNode) -> Iterator[list[bytes]]:
    """For each widget that a notebook shows, the pictures to print in its place."""
    states = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if view := output.get("data", {}).get(VIEW):
                frames = pictures(states, view["model_id"])
                last = len(frames) - 1
                shown = sorted({round(i * last / (SHOWN - 1)) for i in range(SHOWN)})
                yield [frames[i] for i in shown] if frames else []


def with_stills(html: str, replacements: Iterator[list[bytes]]) -> str:
    """The page with each widget replaced by its pictures, those of the notebooks in order."""

    def figure(_: re.Match[str]) -> str:
        data = [base64.b64encode(image).decode() for image in next(replacements)]
        images = "".join(f'<img alt="" src="data:image/png;base64,{d}">' for d in data)
        return f'<div class="stills">{images}</div>'

    pattern = rf'<script type="{re.escape(VIEW)}">.*?</script>'
    return re.sub(pattern, figure, html, flags=re.DOTALL)


def settle(page: Page) -> None:
    """Wait for fonts and formulas."""
    page.wait_for_function("window.MathJax && MathJax.startup && MathJax.startup.promise")
    page.evaluate("MathJax.startup.promise")
    page.evaluate("document.fonts.ready")
    broken = page.locator("mjx-merror, [data-mjx-error]").count()
    if broken:
        raise SystemExit(f"{broken} formulas were not rendered")


def main(source: Path, out: Path) -> None:
    """Print `source` to `out`."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    notebooks = (nbformat.read(path, as_version=4) for path in pages(toc))
    found = (images for notebook in notebooks for images in stills(notebook))
    # assets are named relative to the root of the site, where the printed page is put
    printed = source.parents[1] / "print.html"
    printed.write_text(with_stills(source.read_text(), found))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.find(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": 1000})
        page.set_default_timeout(180_000)
        page.goto(printed.resolve().as_uri(), wait_until="load")
        settle(page)
        page.evaluate(OPEN_ALL)
        page.add_style_tag(content=STYLE)
        page.emulate_media(media="print")
        page.evaluate(FIT)
        page.pdf(
            path=out,
            format="A4",
            margin=MARGIN,  # type: ignore[arg-type]
            print_background=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=NUMBER,
            outline=True,
            tagged=False,  # so many formulas: tags would add 16 MB to 24
        )
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
