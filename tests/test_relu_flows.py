"""Flows of two-layer ReLU maps: every scheme, and the order in the number of neurons."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from pwgf_core import (
    BiLevel,
    Dense,
    Entropy,
    Explicit,
    FokkerPlanck1D,
    Gaussian,
    ImplicitRelaxed,
    Potential,
    Problem,
    PushForward,
    TwoLayerReLU,
    convergence_order,
    evolve,
    problem,
)
from pwgf_core.flow import Scheme
from pwgf_core.linalg import Solution
from pwgf_core.metrics import RelaxedMetric

# The whole law without sampling error: T is increasing, so that W2 = |T − Q∘Λ| in L²(λ).
U = (torch.arange(20000).double() + 0.5) / 20000
Z = torch.special.ndtri(U)[:, None]


def w2(start: Problem, theta: Tensor, t: float) -> float:
    assert isinstance(start.exact, FokkerPlanck1D)
    gap = start.model.transform(theta, Z)[:, 0] - start.exact.quantile(U, t)
    return float(gap.square().mean().sqrt())


def final_w2(start: Problem, scheme: Scheme, t_end: float, samples: int = 1000) -> float:
    run = evolve(start, scheme, t_end=t_end, samples=samples, record=1, progress=False)
    assert run.status == "completed", run.message
    return w2(start, run.thetas[-1], t_end)


def test_a_law_that_the_maps_contain_is_met() -> None:
    # The exact map of a quadratic potential is affine.
    start = problem("quadratic_1d", transform="relu", layers=8)
    assert final_w2(start, Explicit(0.01), 0.5) < 1e-3  # measured 4.8e-4
    assert final_w2(start, Explicit(0.01, form="gradient"), 0.5) < 1.5e-2  # more noise


@pytest.mark.parametrize("scheme", [ImplicitRelaxed, BiLevel], ids=lambda s: s.__name__)
def test_proximal_steps_are_of_first_order(scheme: type[ImplicitRelaxed]) -> None:
    start = problem("quadratic_1d", transform="relu", layers=8)
    sizes = [0.1, 0.05, 0.025]
    errors = [final_w2(start, scheme(h, tol=1e-4), 0.5) for h in sizes]
    assert convergence_order(sizes, errors) == pytest.approx(1, abs=0.2), errors


class Only:
    """A dense solver that moves the chosen parameters and leaves the others alone."""

    def __init__(self, chosen: Tensor, solver: Dense) -> None:
        self.chosen, self.solver = chosen, solver

    def solve(
        self,
        metric: RelaxedMetric,
        g: Tensor,
        previous: Solution | None = None,
        v: Tensor | None = None,
    ) -> Solution:
        matrix = metric.dense()[self.chosen][:, self.chosen]
        values, vectors = torch.linalg.eigh(matrix)
        part = vectors @ ((vectors.T @ g[self.chosen]) / (values + self.solver.shift * values[-1]))
        x = torch.zeros_like(g)
        x[self.chosen] = part
        return Solution(x, 0.0, 1, self.solver.solve(metric, g, previous).status, 1.0)


def steep(x: Tensor) -> Tensor:
    """V with V‴ > 0, so that the optimal map is concave and each kink has work to do."""
    return torch.exp(x) - x


def neurons(n: int, moving: str) -> float:
    """W2 at t = ½ of the Fokker–Planck equation with V = eˣ − x, with n shared kinks."""
    transform = TwoLayerReLU(n, 3.0 if moving == "both" else 4.0, shared=True)
    slopes, kinks = torch.ones(n).bool(), torch.full((n,), moving == "both")
    start = Problem(
        PushForward(Gaussian(1), transform),
        Potential(lambda x: steep(x).sum(1)) + Entropy(),
        transform.init(Generator()),
        sampling="matched",
        solver=Only(torch.cat([slopes, kinks, slopes]), Dense(1e-14, 1e-7)),
        exact=FokkerPlanck1D(steep, lambda x: torch.exp(-x * x / 2), (-14, 9)),
    )
    return final_w2(start, Explicit(0.05, "adaptive", tol=1e-4), 0.5, samples=4000)


@pytest.mark.slow
def test_order_in_the_number_of_neurons() -> None:
    sizes = [4, 8, 16, 32]
    slopes = [neurons(n, "slopes") for n in sizes]
    both = [neurons(n, "both") for n in sizes[:3]]
    # Continuous piecewise linear functions on a fixed grid: order 2.
    assert convergence_order([1 / n for n in sizes[1:]], slopes[1:]) > 1.8, slopes
    # Kinks that move, too, divide the error by 6, 3 and 2, at order 1.6: they leave the inflections
    # and the tails of the map with fewer of them.
    assert convergence_order([1 / n for n in sizes[:3]], both) > 1.4, both
    assert all(b < 0.6 * s for b, s in zip(both, slopes, strict=False)), (both, slopes)
