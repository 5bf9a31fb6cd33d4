"""The stored comparison of methods: how it is measured, and how it is read."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Generator

import method_results as stored
from method_cases import CASES, Points, floor, w2_line, weighted_moments
from method_runs import METHODS
from other_methods import clean, errors_again, measure
from pwgf_core import NumericalError, moments, plots, w2_1d


def run(seconds: float, error: float | None, method: str = "ours") -> stored.Run:
    return {"method": method, "seconds": seconds, "errors": {"flow": error}, "settings": {}}


def test_the_front_falls_and_no_run_beats_it() -> None:
    runs = [run(1, 0.5), run(2, 0.6), run(3, 0.1), run(0.5, None), run(4, 0.1), run(1, 0.4)]
    kept = stored.front(runs)
    assert [(r["seconds"], stored.error(r)) for r in kept] == [(1, 0.4), (3, 0.1)]
    assert stored.best(runs)["seconds"] == 3
    assert stored.seconds_to(runs, 0.45) == 1
    assert stored.seconds_to(runs, 0.01) == math.inf


def test_w2_to_a_law_counts_the_gaps_between_points(generator: Generator) -> None:
    # one point at the median of the uniform law: ∫(u − ½)² du = 1/12
    weight = torch.ones(1, dtype=torch.float64)
    assert w2_line(torch.tensor([0.5]), weight, lambda u: u) ** 2 == pytest.approx(1 / 12, rel=1e-6)
    # integer weights are repeated points
    x, counts = torch.randn(4, generator=generator).double(), torch.tensor([1, 2, 3, 2])
    repeated = torch.repeat_interleave(x, counts)
    y = torch.randn(8, generator=generator).double().sort().values
    found = w2_line(x, counts / 8, lambda u: y[(8 * u).long().clamp(max=7)])
    assert found == pytest.approx(w2_1d(repeated, y), rel=1e-6)


def test_equal_weights_give_the_moments(generator: Generator) -> None:
    x = torch.randn(50, 3, generator=generator).double()
    for mine, known in zip(weighted_moments(Points(x)), moments(x), strict=True):
        assert torch.allclose(mine, known, atol=1e-14)  # round-off


def test_exact_samples_have_a_small_error_that_falls(generator: Generator) -> None:
    case = CASES["ornstein_uhlenbeck"]()
    few, many = (floor(case, n, generator) for n in (100, 10000))
    assert many < 0.05
    assert many < 0.5 * few  # 1/10 on average


def test_a_failed_run_is_not_a_number() -> None:
    def fail(seed: int) -> Points:
        raise NumericalError("no")

    found = measure(CASES["aggregation_2d"](), fail, range(2))
    assert math.isnan(found["errors"]["flow"])
    assert clean(found)["errors"]["flow"] is None
    assert stored.error({"method": "ours", **clean(found)}) == math.inf


def test_the_stored_results_are_those_of_the_settings() -> None:
    results = stored.load()
    for problem, listed in METHODS.items():
        wanted = [(m.name, {k: v for k, v in s.items() if k != "seeds"}) for m, s in listed]
        found = [(r["method"], r["settings"]) for r in stored.select(results, problem)]
        assert len(found) == len(wanted)
        assert all(row in found for row in wanted)


def test_a_stored_run_can_be_run_again() -> None:
    (row,) = stored.select(stored.load(), "double_well_1d", "Langevin", n=1000, h=0.02)
    found = errors_again(row)["flow"]
    assert found == pytest.approx(row["errors"]["flow"], rel=1e-3)  # single precision


def test_the_picture_joins_the_best_runs() -> None:
    fig = plots.error_against_seconds({"ours": [(1, 0.5), (2, 0.6), (3, 0.1)]}, "error", {100: 0.2})
    joined = fig.axes[0].lines[1].get_xydata()
    assert joined.tolist() == [[1, 0.5], [3, 0.1]]  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="must name methods"):
        plots.error_against_seconds({"other": [(1, 1)]}, "error")
