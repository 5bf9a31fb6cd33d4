"""The README does what it says."""

import re
from pathlib import Path

import pytest

from readme_picture import PICTURE, front_picture

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_example_runs_as_written(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})
    status, _, first, _, last = capsys.readouterr().out.split()
    assert status == "completed"
    assert float(last) < float(first)


def test_picture_is_the_front_page_s() -> None:
    assert PICTURE.name in README
    assert PICTURE.read_bytes() == front_picture()
