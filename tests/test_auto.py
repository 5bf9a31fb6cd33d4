"""`Auto`: the chosen solver's own solution, chosen by the documented estimates."""

from __future__ import annotations

import math

import pytest
import torch
from cases import normal, random_theta
from torch import Generator

from pwgf_core import (
    Auto,
    Dense,
    Dual,
    Explicit,
    Minres,
    NeuralODE,
    Planar,
    RelaxedMetric,
    Residual,
    Transform,
    evolve,
    problem,
)
from pwgf_core.linalg import estimates
from pwgf_core.transforms.base import DENSE

# Many samples of a fast family; few parameters; few samples and many parameters, solved tightly.
CASES = [
    (Planar(10, 40), 500, 1e-3, Minres),
    (Residual(2, 24), 500, 1e-3, Dense),
    (Residual(4, 64), 40, 1e-9, Dual),
]


@pytest.mark.parametrize(("transform", "n", "tol", "kind"), CASES, ids=str)
def test_the_solution_is_that_of_the_chosen_solver(
    transform: Transform, n: int, tol: float, kind: type, generator: Generator
) -> None:
    jacobian = transform.jacobian(
        random_theta(transform, generator), normal(generator, n, transform.dim)
    )
    metric, v = RelaxedMetric(jacobian), normal(generator, n, transform.dim)
    g = metric.right_hand_side(v)
    chosen = Auto(tol).choose(transform, n)
    assert type(chosen) is kind
    assert getattr(chosen, "shift") == Auto().shift  # noqa: B009
    solution, expected = Auto(tol).solve(metric, g, None, v), chosen.solve(metric, g, None, v)
    assert torch.equal(solution.x, expected.x)  # the same operations
    assert (solution.status, solution.iterations) == (expected.status, expected.iterations)


def test_the_dual_form_needs_the_field() -> None:
    transform, n, tol, _ = CASES[2]
    assert isinstance(Auto(tol).choose(transform, n), Dual)
    assert not isinstance(Auto(tol).choose(transform, n, with_v=False), Dual)
    run = evolve(
        problem("heat"),
        Explicit(0.1, form="gradient", solver=Auto()),
        samples=100,
        t_end=0.2,
        progress=False,
    )
    assert run.status == "completed"


def test_the_estimates_are_the_documented_ones() -> None:
    n, d, m, k = 7.0, 4.0, 596.0, 30.0
    rows = 1e6 + 6e3 * m + 20 * n * d * m
    found = estimates(Residual(4, 64), 7, k)
    assert found["minres"] == pytest.approx(k * (4e5 + 0.4 * n * m * (1 + 10 / d)), rel=1e-12)
    assert found["dense"] == pytest.approx(rows + 0.03 * n * d * m**2 + 0.15 * m**3, rel=1e-12)
    dual = rows + 0.18 * (n * d) ** 2 * m + 0.15 * (n * d) ** 3
    assert found["dual"] == pytest.approx(dual, rel=1e-12)
    flow = NeuralODE(2, 24)  # without products of its own: J is kept where it fits
    entries = 2.0 * flow.n_params
    kept, large = 100, math.ceil(DENSE / entries) + 1
    rows = 1e6 + 6e3 * flow.n_params + 20 * kept * entries
    assert estimates(flow, kept, k)["minres"] == pytest.approx(
        rows + k * (2e5 + 2 * kept * entries), rel=1e-12
    )
    products = k * (4e5 + 0.4 * large * flow.n_params * 6)
    assert estimates(flow, large, k)["minres"] == pytest.approx(products, rel=1e-12)


def test_iterations_grow_with_the_digits_and_end_with_the_rank() -> None:
    """k = 45 log₁₀(1/tol) − 117, and MINRES is then allowed five times as many."""
    chosen = Auto(1e-9).choose(Planar(30, 60), 2000)
    assert isinstance(chosen, Minres)
    assert chosen.max_iterations == 5 * (45 * 9 - 117)
    rank = Auto(1e-9).choose(Planar(30, 60), 1)
    assert getattr(rank, "max_iterations", 150) == 150  # 5 · N d


@pytest.mark.parametrize("settings", [{"tol": 0.0}, {"shift": -1.0}])
def test_wrong_settings(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Auto(**settings)
