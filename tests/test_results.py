"""Stored results: a row is what a run gives, and the stored sweeps are those of the script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import results as script
from pwgf_core import Dense, Explicit, ImplicitRelaxed, evaluate, evolve, problem
from pwgf_core.results import run_case, store_row, stored_results

OU = {"name": "ornstein_uhlenbeck_10d", "transform": "affine"}
SHORT = {"t_end": 0.2, "samples": 64, "record": 2, "seed": 3}


def test_a_row_is_what_the_run_gives() -> None:
    found = run_case(
        OU, {"h": 0.1, "method": "rk4"}, {"name": "Dense", "cutoff": 1e-9}, SHORT, points=512
    )
    start = problem("ornstein_uhlenbeck_10d", transform="affine")
    run = evolve(start, Explicit(0.1, "rk4", solver=Dense(1e-9)), progress=False, **SHORT)  # type: ignore[arg-type]
    result = evaluate(start, run, 512)
    assert start.exact is not None
    exact = [start.exact.energy(t) for t in result.times]
    assert found["times"] == [0.1, 0.2]
    assert (found["status"], found["steps"]) == ("completed", 2)
    assert found["iterations"] == sum(run.history["iterations"]) > 0
    assert found["bures_w2"] == result.errors["bures_w2"][1:]
    assert found["energy_error"] == [a - b for a, b in zip(result.energy, exact, strict=True)][1:]


def test_what_is_left_out_is_the_problems_own() -> None:
    start = problem("ornstein_uhlenbeck_10d", transform="affine")
    run = evolve(start, Explicit(start.h, start.method), progress=False, **SHORT)  # type: ignore[arg-type]
    found = run_case(OU, run=SHORT, points=512)
    assert found["steps"] == run.state.step
    assert found["bures_w2"] == evaluate(start, run, 512).errors["bures_w2"][1:]
    implicit = run_case(OU, {"name": "ImplicitRelaxed", "h": 0.2}, run=SHORT, points=512)
    other = evolve(start, ImplicitRelaxed(0.2), progress=False, **SHORT)  # type: ignore[arg-type]
    assert implicit["bures_w2"] == evaluate(start, other, 512).errors["bures_w2"][1:]


def test_wrong_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the name of the scheme must be one of .*, got 'Magic'"):
        run_case(OU, {"name": "Magic"})
    with pytest.raises(ValueError, match=r"the name of the solver must be one of .*, got ''"):
        run_case(OU, solver={"tol": 1e-3})
    with pytest.raises(ValueError, match=r"name must be one of , got 'nothing'"):
        stored_results("nothing", tmp_path)


def test_rows_are_stored_one_by_one(tmp_path: Path) -> None:
    figures = {"w2": [0.12345678, 2.0], "status": "completed", "steps": 3}
    store_row("sweep", "a", {"h": 0.1}, figures, tmp_path)
    store_row("sweep", "b", {"h": 0.2}, figures, tmp_path)
    store_row("sweep", "a", {"h": 0.3}, {"w2": [1.0]}, tmp_path)
    assert stored_results("sweep", tmp_path) == {
        "a": {"settings": {"h": 0.3}, "figures": {"w2": [1.0]}},
        "b": {"settings": {"h": 0.2}, "figures": figures | {"w2": [0.123457, 2.0]}},
    }


def test_only_what_is_missing_or_changed_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[float] = []

    def measure(h: float) -> dict[str, Any]:
        measured.append(h)
        return {"w2": [h]}

    rows = {"a": {"h": 1.0}, "b": {"h": 2.0}}
    monkeypatch.setattr(script, "SWEEPS", {"sweep": script.Sweep(lambda: rows, measure)})
    script.main([], tmp_path)
    script.main(["sweep"], tmp_path)
    assert measured == [1.0, 2.0]
    rows["b"] = {"h": 3.0}
    del rows["a"]
    script.main([], tmp_path)
    assert measured == [1.0, 2.0, 3.0]
    assert stored_results("sweep", tmp_path) == {
        "b": {"settings": {"h": 3.0}, "figures": {"w2": [3.0]}}
    }
    script.main(["--all"], tmp_path)
    assert measured == [1.0, 2.0, 3.0, 3.0]
    with pytest.raises(SystemExit):
        script.main(["another"], tmp_path)


@pytest.mark.parametrize("name", script.SWEEPS)
def test_the_stored_rows_have_the_settings_of_the_script(name: str) -> None:
    rows = script.SWEEPS[name].rows()
    stored = stored_results(name)
    assert {row: content["settings"] for row, content in stored.items()} == rows
    assert all(content["figures"] for content in stored.values())
