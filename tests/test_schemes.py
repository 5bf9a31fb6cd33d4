"""Explicit schemes: orders, exactness for affine maps, dissipation, and the two forms."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import pytest
import torch
from cases import normal, random_theta, relative_gap
from torch import Generator, Tensor

from pwgf_core import (
    Affine,
    Compose,
    Dense,
    Entropy,
    Explicit,
    Gaussian,
    Minres,
    NumericalError,
    OrnsteinUhlenbeck,
    Planar,
    Potential,
    Problem,
    PushForward,
    RelaxedMetric,
    Solution,
    State,
    Status,
    Transform,
    evolve,
)
from pwgf_core.schemes.explicit import TABLEAUX

SIGMA = torch.tensor([[0.6, 0.2], [0.2, 0.4]]).double()
MU = torch.tensor([1.0, -0.5]).double()


class Flow(NamedTuple):
    """A two-dimensional Ornstein–Uhlenbeck problem with its exact solution."""

    problem: Problem
    exact: OrnsteinUhlenbeck

    def error(self, theta: Tensor, t: float) -> float:
        """|mean error| + |covariance error| of an affine model, from θ itself."""
        transform = self.problem.model.transform
        assert isinstance(transform, Affine)
        u, b = transform.split(theta)
        gap = (u @ u.T - self.exact.covariance(t)).norm()
        return float((b - self.exact.mean(t)).norm() + gap)


def flow_of(transform: Transform, sampling: str = "matched", samples: int = 64) -> Flow:
    exact = OrnsteinUhlenbeck(MU, SIGMA)
    problem = Problem(
        PushForward(Gaussian(2), transform),
        Potential.quadratic(MU, exact.precision) + Entropy(),
        transform.init(Generator().manual_seed(0)),
        samples=samples,
        sampling=sampling,
        exact=exact,
        name="ornstein_uhlenbeck_2d",
    )
    return Flow(problem, exact)


@pytest.mark.parametrize(
    ("method", "sizes", "order", "within"),
    [
        ("euler", [0.05, 0.025, 0.0125], 1, 0.15),
        ("midpoint", [0.1, 0.05, 0.025], 2, 0.15),
        ("rk4", [0.1, 0.05, 0.025], 4, 0.2),
    ],
)
def test_order_of_convergence(method: str, sizes: list[float], order: int, within: float) -> None:
    # Affine maps follow the flow exactly, so the error is that of the time step alone.
    flow = flow_of(Affine(2))
    errors = []
    for h in sizes:
        run = evolve(flow.problem, Explicit(h, method, solver=Dense()), record=1, progress=False)
        errors.append(flow.error(run.state.theta, 1.0))
    slopes = [math.log2(a / b) for a, b in pairwise(errors)]
    assert slopes[-1] == pytest.approx(order, abs=within), errors


@pytest.mark.parametrize("method", sorted(TABLEAUX))
def test_tableaux_meet_the_order_conditions(method: str) -> None:
    rows, b, lower = TABLEAUX[method]
    n = len(b)
    a = torch.zeros(n, n).double()
    for i, row in enumerate(rows):
        assert len(row) == i  # explicit
        a[i, :i] = torch.tensor(row, dtype=torch.float64)
    weights, c = torch.tensor(b, dtype=torch.float64), a.sum(1)
    conditions = [
        (1, weights.sum(), 1),
        (2, weights @ c, 1 / 2),
        (3, weights @ c**2, 1 / 3),
        (3, weights @ a @ c, 1 / 6),
        (4, weights @ c**3, 1 / 4),
        (4, weights @ (c * (a @ c)), 1 / 8),
        (4, weights @ a @ c**2, 1 / 12),
        (4, weights @ a @ a @ c, 1 / 24),
    ]
    order = {"euler": 1, "midpoint": 2, "rk4": 4, "adaptive": 3}[method]
    if lower is not None:  # the embedded rule is of order 2, and not of order 3
        embedded = torch.tensor(lower, dtype=torch.float64)
        assert float(embedded.sum()) == pytest.approx(1, rel=1e-14)
        assert float(embedded @ c) == pytest.approx(1 / 2, rel=1e-14)
        assert abs(float(embedded @ c**2) - 1 / 3) > 0.01
    for needed_for, value, expected in conditions:
        if needed_for <= order:
            assert float(value) == pytest.approx(expected, rel=1e-14)  # round-off
    assert Explicit(0.1, method).stages == n


def test_one_euler_step_in_closed_form(generator: Generator) -> None:
    # With Ĝ = I: dU/dt = U⁻ᵀ − P U and db/dt = −P (b − μ).
    flow = flow_of(Affine(2))
    transform = flow.problem.model.transform
    assert isinstance(transform, Affine)
    theta = random_theta(transform, generator)
    z = Gaussian(2).draw(32, generator, sampling="matched")
    state, _ = Explicit(0.01, "euler", solver=Dense()).step(flow.problem, State(theta), z)
    (u, b), p = transform.split(theta), torch.linalg.inv(SIGMA)
    expected = transform.join(u + 0.01 * (torch.linalg.inv(u).T - p @ u), b - 0.01 * p @ (b - MU))
    assert relative_gap(state.theta, expected) < 1e-12  # round-off
    assert (state.step, state.t) == (1, 0.01)


def test_an_affine_map_has_no_misfit_and_dissipates_fully(generator: Generator) -> None:
    flow = flow_of(Affine(2))
    theta = random_theta(flow.problem.model.transform, generator)
    z = Gaussian(2).draw(64, generator, sampling="matched")
    h = 1e-5
    scheme = Explicit(h, "euler", solver=Dense())
    state, info = scheme.step(flow.problem, State(theta), z)
    assert info.misfit < 1e-24 * info.speed  # v is affine in x: round-off squared
    assert info.status is Status.CONVERGED
    after = scheme.parameter_velocity(flow.problem, state.theta, z)[1].energy
    # dF/dt = −E|v|², to first order in h
    assert (after - info.energy) / h == pytest.approx(-info.speed, rel=1e-3)


def test_a_planar_map_dissipates_what_its_misfit_leaves(generator: Generator) -> None:
    # E|v|² = E|Jξ|² + E|Jξ − v|² for the least-squares ξ.
    transform = Planar(2, 5)
    flow = flow_of(transform)
    theta = random_theta(transform, generator)
    z = normal(generator, 200, 2)
    solution, info = Explicit(0.01, solver=Dense()).parameter_velocity(flow.problem, theta, z)
    moved = transform.jacobian(theta, z).jvp(solution.x).square().sum() / 200
    assert info.misfit > 0.01 * info.speed
    assert info.speed == pytest.approx(float(moved) + info.misfit, rel=1e-9)  # the cut-off


@pytest.mark.parametrize(
    "transform", [Affine(2), Planar(2, 5), Compose(Affine(2), Planar(2, 5))], ids=repr
)
@pytest.mark.parametrize("method", sorted(TABLEAUX))
def test_both_forms_agree_for_a_potential(
    transform: Transform, method: str, generator: Generator
) -> None:
    # On one sample −∇_θF = E[Jᵀv]: the same linear systems.
    problem = replace(flow_of(transform).problem, energy=Potential(lambda x: torch.cosh(x).sum(1)))
    theta, z = random_theta(transform, generator), normal(generator, 50, 2)
    solver = Minres(1e-10, 1000, shift=1e-3)
    (by_velocity, _), (by_gradient, info) = (
        Explicit(0.05, method, form, solver).step(problem, State(theta), z)
        for form in ("velocity", "gradient")
    )
    # tol over the shift, and round-off
    assert relative_gap(by_velocity.theta - theta, by_gradient.theta - theta) < 1e-6
    assert math.isnan(info.misfit)
    assert math.isnan(info.speed)


def test_the_velocity_form_is_far_more_accurate_for_the_entropy() -> None:
    # On random samples the gradient form carries the Monte-Carlo error of the whole velocity.
    flow = flow_of(Affine(2), "random", 100)
    errors = {
        form: flow.error(
            evolve(
                flow.problem, Explicit(0.02, form=form, solver=Dense()), t_end=0.4, progress=False
            ).state.theta,
            0.4,
        )
        for form in ("velocity", "gradient")
    }
    assert errors["velocity"] < 1e-3  # of the time step alone: v is in the tangent space
    assert errors["gradient"] > 10 * errors["velocity"]


def test_a_planar_flow_follows_the_exact_solution() -> None:
    frame = torch.linalg.eigh(SIGMA).eigenvectors.T
    flow = flow_of(Planar(2, 16, scale=0.2, spread=0.3, frame=frame), "random", 1000)
    run = evolve(flow.problem, Explicit(0.05), t_end=1.0, record=4, progress=False)
    assert run.status == "completed"
    z = Gaussian(2).draw(2**13, Generator().manual_seed(1), sampling="matched")
    start = flow.exact.errors(flow.problem.model.cloud(run.thetas[0], z), 1.0)["bures_w2"]
    for t, theta in zip(run.times[1:], run.thetas[1:], strict=True):
        error = flow.exact.errors(flow.problem.model.cloud(theta, z), t)["bures_w2"]
        assert error < 0.02  # measured 0.003 to 0.007, where the way to go is 1.2
    assert start > 1.0


@pytest.mark.parametrize("transform", [Affine(2), Planar(2, 8)], ids=repr)
@pytest.mark.parametrize("method", sorted(TABLEAUX))
def test_energy_falls_along_a_run(transform: Transform, method: str) -> None:
    flow = flow_of(transform, samples=512)
    run = evolve(flow.problem, Explicit(0.02, method), t_end=0.6, progress=False)
    z = Gaussian(2).draw(2**12, Generator().manual_seed(1), sampling="matched")
    model, energy = flow.problem.model, flow.problem.energy
    values = [float(energy.value(model.cloud(theta, z))) for theta in run.thetas]
    assert all(b < a for a, b in pairwise(values))


def test_a_step_changes_nothing_but_its_result(generator: Generator) -> None:
    flow = flow_of(Planar(2, 5))
    theta, z = random_theta(flow.problem.model.transform, generator), normal(generator, 50, 2)
    kept = theta.clone(), z.clone()
    scheme, state = Explicit(0.05, "rk4"), State(theta)
    first, second = scheme.step(flow.problem, state, z), scheme.step(flow.problem, state, z)
    assert torch.equal(first[0].theta, second[0].theta)
    assert first[1] == second[1]
    assert torch.equal(theta, kept[0])
    assert torch.equal(z, kept[1])


class Scripted:
    """A solver that reports residuals and statuses from a list."""

    def __init__(self, *reports: tuple[float, int, Status]) -> None:
        self.reports = iter(reports)

    def solve(
        self,
        metric: RelaxedMetric,
        g: Tensor,
        previous: Solution | None = None,
        v: Tensor | None = None,
    ) -> Solution:
        return Solution(torch.zeros_like(g), *next(self.reports), 1.0)


def test_the_report_is_the_worst_of_the_stages(generator: Generator) -> None:
    flow = flow_of(Planar(2, 5))
    theta, z = random_theta(flow.problem.model.transform, generator), normal(generator, 50, 2)
    solver = Scripted(
        (0.1, 3, Status.CONVERGED),
        (0.2, 5, Status.MAX_ITERATIONS),
        (0.4, 7, Status.CONVERGED),
        (0.3, 11, Status.INCONSISTENT),
    )
    info = Explicit(0.05, "rk4", solver=solver).step(flow.problem, State(theta), z)[1]
    assert (info.residual, info.iterations, info.status) == (0.4, 26, Status.INCONSISTENT)
    assert info.misfit == pytest.approx(info.speed, rel=1e-12)  # of ξ = 0, added up in two orders


def test_losing_the_numbers_raises_with_advice(generator: Generator) -> None:
    flow = flow_of(Affine(2))
    z = normal(generator, 10, 2)
    state = State(flow.problem.theta0)
    broken = replace(flow.problem, energy=Potential(lambda x: x.sum(1) * math.nan))
    for form in ("velocity", "gradient"):
        for solver in (Minres(), Dense()):
            with pytest.raises(NumericalError, match=r"linear solve failed.*use a smaller step"):
                Explicit(0.1, form=form, solver=solver).step(broken, state, z)
    huge = replace(flow.problem, energy=Potential(lambda x: 1e300 * (x**2).sum(1)))
    with pytest.raises(NumericalError, match=r"reduce h|linear solve failed"):
        Explicit(1e30, "euler", solver=Dense()).step(huge, state, z)


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ValueError, match="h must be a finite number above 0, got"):
        Explicit(-0.1)
    with pytest.raises(
        ValueError, match="method must be one of adaptive, euler, midpoint, rk4, got 'heun'"
    ):
        Explicit(0.1, method="heun")
    with pytest.raises(ValueError, match="form must be one of gradient, velocity, got 'weak'"):
        Explicit(0.1, form="weak")
