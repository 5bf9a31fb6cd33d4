"""The printed edition: a still for every widget, and a PDF of readable pages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

import pdf

TOC = yaml.safe_load((pdf.ROOT / "_toc.yml").read_text())
PNG = b"\x89PNG"


def test_every_chapter_is_printed_in_order() -> None:
    names = [path.stem for path in pdf.pages(TOC)]
    assert names[0] == "intro"
    assert set(names) == {path.stem for path in (pdf.ROOT / "book").glob("*.ipynb")}


@pytest.mark.parametrize("path", list(pdf.pages(TOC)), ids=lambda path: path.stem)
def test_an_animation_is_printed_as_three_pictures(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    shown = list(pdf.stills(notebook))
    views = sum(
        pdf.VIEW in output.get("data", {})
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    assert len(shown) == views
    for images in shown:
        assert len(images) <= pdf.SHOWN
        assert all(image.startswith(PNG) for image in images)
        assert len(set(images)) == len(images)  # different times


def test_widgets_of_the_page_are_replaced_in_order() -> None:
    view = f'<script type="{pdf.VIEW}">{{"model_id": "x"}}</script>'
    page = pdf.with_stills(f"<p>a</p>{view}<p>b</p>{view}", iter([[b"1", b"2"], [b"3"]]))
    assert re.findall(r"<p>|base64,[^\"]*", page) == [
        *("<p>", "base64,MQ==", "base64,Mg==", "<p>", "base64,Mw=="),
    ]
    assert pdf.VIEW not in page


@pytest.mark.browser
@pytest.mark.slow
def test_the_book_prints(tmp_path: Path) -> None:
    build = [Path(sys.executable).with_name("jupyter-book"), "build", pdf.ROOT, "--quiet"]
    build += ["--builder", "singlehtml", "--path-output", tmp_path]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    out = tmp_path / "book.pdf"
    pdf.main(tmp_path / "_build/singlehtml/book/intro.html", out)
    content = out.read_bytes()
    assert content.startswith(b"%PDF")
    assert len(content) <= 25e6
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= 10
