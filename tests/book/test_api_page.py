"""The reference page holds every public name, and its text survives the way there."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import docstrings
import pwgf_core


def test_code_and_mathematics_are_kept() -> None:
    written = docstrings.convert("min |Jξ − v|² by `min_res`, 2*x\n\n>>> a_b * 2 | 1\n")
    assert written == "min \\|Jξ − v\\|² by \\ ``min_res``\\ , 2\\*x\n\n>>> a_b * 2 | 1\n"


@pytest.mark.browser
def test_every_public_name_is_on_the_page(site: Path) -> None:
    page = BeautifulSoup((site / "book/api.html").read_text(encoding="utf-8"), "html.parser")
    named = {str(tag["id"]).rsplit(".")[-1] for tag in page.select("dt[id]")}
    assert set(pwgf_core.__all__) - named <= {"PROBLEMS"}
    assert "|Jξ − v|²" in page.get_text()
