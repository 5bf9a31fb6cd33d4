"""Every wrong argument is a `ValueError`, or exit code 2, that names it and what was given."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from bad_input import command, growing, maps, measures, method
from bad_input.case import Case

import pwgf_core
from pwgf_core.__main__ import main

CASES = [*maps.CASES, *method.CASES, *measures.CASES, *growing.CASES]
SETTLED = 200  # what the project promises
RESULTS = {
    *("CheckError", "ChiSquare", "DiscreteW2", "Dissipation", "Evaluation", "Info", "InitialFit"),
    *(
        "Certificate",
        "Growths",
        "Insertion",
        "Misfits",
        "NumericalError",
        "Pruned",
        "Solution",
        "Status",
        "Trajectory",
    ),
    *("FiniteVolume1D", "GaussianSolution", "Jacobian", "Reference", "Transform"),  # by subclasses
    *("PROBLEMS", "Relaxed"),  # a dictionary; a choice without settings
}


def names(text: str, name: str) -> bool:
    """Whether the name stands in the text as a word of its own."""
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{c.name}" for i, c in enumerate(CASES)])
def test_a_wrong_argument_is_named(case: Case) -> None:
    with pytest.raises(ValueError, match=re.escape(case.given)) as caught:
        case.call()
    assert type(caught.value) is ValueError
    assert names(str(caught.value), case.name)


@pytest.mark.parametrize("line", command.LINES, ids=[" ".join(x[0])[:60] for x in command.LINES])
def test_a_wrong_command_line_is_refused(
    line: tuple[list[str], str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, name, given = line
    options = [o.replace("OUT", str(tmp_path / "out")) for o in options]
    try:
        code = main([*options, "--quiet"] if options[:1] == ["run"] and options[1:] else options)
    except SystemExit as stop:  # argparse's own way out
        code = stop.code
    error = capsys.readouterr().err
    assert code == 2
    assert len(error.splitlines()) <= 2
    assert names(error, name), error
    assert given in error


@pytest.mark.parametrize("options", [["run", "cold"], ["run", "heat", "--device", "abacus"]])
def test_a_process_ends_with_code_2(options: list[str]) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "pwgf_core", *options], capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert len(found.stderr.splitlines()) <= 2
    assert "Traceback" not in found.stderr
    assert found.stdout == ""


def parts(code: CodeType) -> tuple[object, ...]:
    """What a function does, without where it stands."""
    inner = [parts(k) if isinstance(k, CodeType) else repr(k) for k in code.co_consts]
    return (code.co_code, code.co_names, code.co_varnames, *inner)


def test_there_are_as_many_distinct_cases_as_promised() -> None:
    """No two calls or command lines are the same."""
    calls = [parts(c.call.__code__) for c in CASES if isinstance(c.call, FunctionType)]
    assert [n for n, k in Counter(map(repr, calls)).items() if k > 1] == []
    assert len({tuple(line[0]) for line in command.LINES}) == len(command.LINES)
    assert len(CASES) >= SETTLED
    assert len(CASES) + len(command.LINES) >= 2 * SETTLED


def test_every_public_name_is_called() -> None:
    """But for those that are only given back, and names of errors."""
    text = "".join(Path(m.__file__ or "").read_text() for m in (maps, method, measures, growing))
    unused = {n for n in pwgf_core.__all__ if not names(text, n)} - RESULTS
    assert unused == set()
