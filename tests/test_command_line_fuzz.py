"""Thousands of random command lines: each ends with a code of its own and at most two lines.

Problems and schemes are built and all settings are checked as in a run, which then stops before its
first step and is not evaluated.
"""

import argparse
import io
import json
import random
import time
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from pwgf_core import PROBLEMS, Evaluation
from pwgf_core.__main__ import main
from pwgf_core.options import parser

CODES = {0, 1, 2, 130}
SECONDS = 60.0  # a fitted first θ takes about one; this is a hang
JUNK = (
    *("", " ", "-", "--", "---", "-1", "-h", "--version", "\0", "\n", "a\nb", "\r\n", "\u2028"),
    *("é", "１２", "λ", "🙂", "\udcff", "nan", "9" * 400, "1e999", "0x1", "None", "%s", "{}", "'"),
    *("--h=", "--samples", "=5", "@file", "a" * 5000, "run", "list", "../", "--h=0.1=2"),
)
INTEGERS = ("1", "2", "5", "64", "+3", "1_0", " 7 ", "１２")
WRONG_INTEGERS = ("0", "-1", "1.5", "1e3", "9" * 30, "1000000000000", "0x10", "two", "True")
NUMBERS = ("0.1", "1", "1e-3", "0.5", ".25", "2.")
WRONG_NUMBERS = ("0", "-1", "nan", "-nan", "inf", "-inf", "1e-320", "1e308", "1e400", "1,5", "h")
DEVICES = ("cpu", "cpu:0", "cuda", "cuda:0", "cuda:x", "meta", "mps", "xla", "vulkan", "cpu:7")
FILES = {
    "good.json": {"cases": [{"dim": 1, "seed": 0, "mean": [0.0], "cov": [[1.0]]}]},
    "lists.json": [1, 2],
    "shapes.json": {"cases": [{"dim": 2, "seed": 0, "mean": [0.0], "cov": [[1.0]]}]},
    "words.json": {"cases": [{"dim": 1, "seed": "a", "mean": ["b"], "cov": "c"}]},
    "huge.json": {"cases": [{"dim": 1, "seed": 0, "mean": [10**400], "cov": [[1]]}], "times": 3},
}


def actions() -> list[argparse.Action]:
    """The options of `run`, from the parser itself."""
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return [a for a in commands.choices["run"]._actions if a.option_strings]


class Lines:
    """Random command lines, the i-th always the same."""

    def __init__(self, folder: Path) -> None:
        self.options, self.folder = actions(), folder
        for name, content in FILES.items():
            (folder / name).write_text(json.dumps(content))
        (folder / "bytes.json").write_bytes(b"\xff\xfe\x00{")
        (folder / "deep.json").write_text("[" * 100_000)

    def value(self, action: argparse.Action, rng: random.Random) -> str:
        kind = rng.random()
        if kind < 0.1:
            return rng.choice(JUNK)
        if action.choices is not None:
            return rng.choice(list(action.choices))
        if action.type in (int, float):
            good, bad = (
                (INTEGERS, WRONG_INTEGERS) if action.type is int else (NUMBERS, WRONG_NUMBERS)
            )
            return rng.choice(good if kind < 0.85 else bad)
        if action.dest == "device":
            return "cpu" if kind < 0.8 else rng.choice(DEVICES)
        if action.dest == "targets":
            return rng.choice([*FILES, "bytes.json", "deep.json", "missing.json", "."])
        return rng.choice(["out", "other/ünï", "good.json", "good.json/below", "/dev/null/x"])

    def line(self, i: int) -> list[str]:
        rng = random.Random(i)
        words = [rng.choice(["run"] * 20 + ["list", "", "RUN"])]
        if rng.random() < 0.97:
            words.append(rng.choice([*PROBLEMS] * 2 + ["heat"] * 20 + [rng.choice(JUNK)]))
        for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4, 6])):
            action = rng.choice(self.options)
            flag = rng.choice(action.option_strings)
            if action.nargs == 0 or rng.random() < 0.02:  # a switch, or a value that is missing
                words.append(flag)
            elif rng.random() < 0.2:
                words.append(f"{flag}={self.value(action, rng)}")
            else:
                words += [flag, self.value(action, rng)]
        if rng.random() < 0.05:
            words.insert(rng.randrange(len(words) + 1), rng.choice(JUNK))
        return words


def outcome(words: list[str]) -> tuple[int, str, float]:
    """The exit code of a command line, what it wrote to stderr, and the seconds it took."""
    error, start = io.StringIO(), time.perf_counter()
    with redirect_stdout(io.StringIO()), redirect_stderr(error):
        try:
            code = main(words)
        except SystemExit as stop:  # argparse's own way out
            code = stop.code or 0
    assert isinstance(code, int)
    return code, error.getvalue(), time.perf_counter() - start


def fuzz(start: int, end: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of these numbers, in a folder of their own."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt("before the first step")

    monkeypatch.chdir(folder)
    monkeypatch.setattr("pwgf_core.flow.step_generator", stop)
    monkeypatch.setattr("pwgf_core.__main__.evaluate", lambda *_: Evaluation([0.0], [0.0], {}))
    monkeypatch.setattr("pwgf_core.__main__.run_targets", lambda *_: [])
    lines, codes = Lines(folder), Counter()
    for i in range(start, end):
        words = lines.line(i)
        try:
            code, error, seconds = outcome(words)
        except Exception as wrong:
            pytest.fail(f"line {i}, {[w[:50] for w in words]}, ended with {wrong!r}")
        codes[code] += 1
        assert code in CODES, (i, words, code)
        assert len([x for x in error.split("\n") if x.strip()]) <= 2, (i, words, error)
        assert "Traceback" not in error, (i, words, error)
        assert seconds < SECONDS, (i, words, seconds)
        assert code != 2 or error, (i, words)
    # both kinds of lines are there: a run that was begun, and one that was refused
    assert codes[130] > (end - start) / 10, codes
    assert codes[2] > (end - start) / 10, codes


def test_300_command_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fuzz(0, 300, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_10_000_command_lines(part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fuzz(500 * part, 500 * (part + 1), tmp_path, monkeypatch)
