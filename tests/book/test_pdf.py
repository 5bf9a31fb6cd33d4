"""The printed edition: a still for every widget, and a PDF of readable pages."""

from __future__ import annotations

import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from ipywidgets.embed import embed_data
from PIL import Image

import pdf
from pwgf_core.widgets import chooser, player

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
    for captions, images in (zip(*still, strict=True) for still in shown if still):
        assert all("picture" in caption for caption in captions)
        assert all(image.startswith(PNG) for image in images)
        assert len(set(images)) == len(images)  # different times, or different films


def test_a_player_is_printed_as_three_pictures_and_a_chooser_as_one_of_each_film() -> None:
    frames = [png(i) for i in range(5)]
    films = {"heat": {"D = 1": frames, "D = 2": frames}, "gas": {"m = 2": frames}}
    for widget, captions in (
        (player(frames), ["picture 1 of 5", "picture 3 of 5", "picture 5 of 5"]),
        (
            chooser(films, ["equation", "parameter"]),
            [f"{film} (picture 5 of 5)" for film in ("heat, D = 1", "heat, D = 2", "gas, m = 2")],
        ),
    ):
        embedded: Any = embed_data([widget])
        states = embedded["manager_state"]["state"]
        found = pdf.printed(states, widget.model_id)
        assert [caption for caption, _ in found] == captions


def png(shade: int) -> bytes:
    """A picture of four points."""
    out = BytesIO()
    Image.new("RGB", (2, 2), (shade, 0, 0)).save(out, "PNG")
    return out.getvalue()


def test_widgets_of_the_page_are_replaced_in_order() -> None:
    view = f'<script type="{pdf.VIEW}">{{"model_id": "x"}}</script>'
    page = pdf.with_stills(
        f"<p>a</p>{view}<p>b</p>{view}", iter([[("i", b"1"), ("j", b"2")], [("k", b"3")]])
    )
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
