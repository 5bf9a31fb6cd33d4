"""Finite volumes on the line: orders against exact solutions, conservation, dissipation."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from pwgf_core import (
    BarenblattSolution,
    Cloud,
    FiniteVolume1D,
    FokkerPlanck1D,
    NumericalError,
    OrnsteinUhlenbeck,
    PorousMedium1D,
    convergence_order,
    trajectories,
    w2_1d,
)


def midpoints(n: int) -> Tensor:
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


def gauss(x: Tensor) -> Tensor:
    return torch.exp(-0.5 * x**2)


def stiff(x: Tensor) -> Tensor:
    return 2 * (x - 1) ** 2


def styblinski_tang(x: Tensor) -> Tensor:
    return (x**4 - 16 * x**2 + 5 * x) / 50


def ornstein_uhlenbeck(cells: int, dt: float) -> tuple[FokkerPlanck1D, OrnsteinUhlenbeck]:
    flow = OrnsteinUhlenbeck(torch.tensor([1.0]), torch.tensor([[0.25]]))
    return FokkerPlanck1D(stiff, gauss, (-8, 9), cells, dt=dt), flow


def w2_to_gaussian(grid: FokkerPlanck1D, flow: OrnsteinUhlenbeck, t: float) -> float:
    sample = torch.special.ndtri(midpoints(20000))
    sample = float(flow.mean(t)) + math.sqrt(float(flow.covariance(t))) * sample
    return w2_1d(sample, lambda u: grid.quantile(u, t))


@pytest.mark.parametrize("t", [0.1, 0.5, 1.0])
def test_fokker_planck_is_of_second_order(t: float) -> None:
    steps = [1, 2, 4]
    errors = [
        w2_to_gaussian(*ornstein_uhlenbeck(500 * k, 4e-3 / k), t) for k in steps
    ]  # dx and dt together
    assert convergence_order([1 / k for k in steps], errors) == pytest.approx(2, abs=0.15), errors


def test_fokker_planck_meets_ornstein_uhlenbeck() -> None:
    flow = OrnsteinUhlenbeck(torch.tensor([1.0]), torch.tensor([[0.25]]))
    grid = FokkerPlanck1D(stiff, gauss, (-8, 9))
    for t in (0.1, 0.5, 0.5003, 1.0, 2.0):  # the third is no multiple of dt
        assert (
            w2_to_gaussian(grid, flow, t) < 1e-5
        )  # second order: dx² = 2e-5; measured 7.4e-6 at t = 0.1
        assert grid.mean(t) == pytest.approx(float(flow.mean(t)), abs=1e-5)
        assert grid.variance(t) == pytest.approx(float(flow.covariance(t)), abs=1e-5)
        assert grid.energy(t) == pytest.approx(flow.energy(t), abs=2e-5)
    coarse = FokkerPlanck1D(lambda x: 0.5 * x**2, gauss, (-9, 9), 500, diffusion=2.0, dt=1e-2)
    other = OrnsteinUhlenbeck(torch.zeros(1), torch.eye(1), diffusion=2.0)
    assert coarse.variance(0.7) == pytest.approx(float(other.covariance(0.7)), abs=1e-3)
    assert coarse.energy(0.7) == pytest.approx(other.energy(0.7), abs=1e-3)


def test_the_equilibrium_of_the_slides() -> None:
    grid = FokkerPlanck1D(styblinski_tang, gauss, (-9, 9), 4000)
    rho, x = grid.equilibrium(), grid.x
    z = float(torch.exp(-styblinski_tang(x)).sum()) * grid.dx
    mean = float(x @ rho) * grid.dx
    # the digits that are known; the sums converge spectrally
    assert z == pytest.approx(18.608318, abs=1e-6)
    assert mean == pytest.approx(-0.654035, abs=1e-6)
    assert float((x - mean) ** 2 @ rho) * grid.dx == pytest.approx(6.326985, abs=1e-6)
    # the cell that holds 0.1567 carries dx ρ = 1e-4
    below = float(rho[x < 0.1567].sum()) * grid.dx
    assert below == pytest.approx(0.624508, abs=2e-4)


def test_the_equilibrium_stands_still() -> None:
    start = FokkerPlanck1D(styblinski_tang, gauss, (-9, 9), 300).equilibrium()
    grid = FokkerPlanck1D(styblinski_tang, lambda _: start, (-9, 9), 300)
    gap = (grid.density(0.5) - start).abs().max() / start.max()
    assert float(gap) < 1e-11  # round-off of 1000 solves


def test_the_equilibrium_is_reached_at_the_rate_of_the_spectral_gap() -> None:
    grid = FokkerPlanck1D(styblinski_tang, gauss, (-9, 9), 600, dt=1e-2)
    rho = grid.equilibrium()
    gaps = [float((grid.density(t) - rho).abs().sum()) for t in (20.0, 40.0)]
    assert math.log(gaps[0] / gaps[1]) / 20 == pytest.approx(0.0850, abs=2e-4)  # dx² = 9e-4


def test_rates_are_the_eigenvalues_of_the_generator() -> None:
    grid = FokkerPlanck1D(styblinski_tang, lambda x: gauss(2 * x), (-4.5, 4.5), 200)
    dense = np.sort(-np.linalg.eigvals(grid._generator.toarray()).real)
    assert abs(dense[0]) < 1e-9  # the steady state
    assert grid.rates(199).numpy() == pytest.approx(dense[1:], rel=1e-8)  # round-off
    errors = [
        abs(float(FokkerPlanck1D(stiff, gauss, (-8, 9), n).rates()) - 4) for n in (200, 400, 800)
    ]  # V = 2(x − 1)²: the rates are 4, 8, 12, …
    assert convergence_order([4, 2, 1], errors) == pytest.approx(2, abs=0.05)
    with pytest.raises(ValueError, match="count must be at most 199, the cells less 1, got 200"):
        grid.rates(200)


def test_distribution_function_and_log_density(grid: FiniteVolume1D) -> None:
    u = midpoints(50)
    assert torch.allclose(grid.cdf(grid.quantile(u, 0.4), 0.4), u, rtol=0, atol=1e-12)  # inverse
    inside = grid.density(0.4) > 1e-300
    log = grid.log_density(grid.x, 0.4)
    assert torch.equal(log[inside], grid.density(0.4)[inside].log())
    assert grid.log_density(torch.tensor([[-20.0], [20.0]]), 0.4).tolist() == [[-math.inf]] * 2


def test_rough_data_leave_no_oscillations() -> None:
    # Heat from the uniform law on [−1, 1]: ½ [erf((x + 1)/√(4Dt)) − erf((x − 1)/√(4Dt))] / 2.
    def box(x: Tensor) -> Tensor:
        return (x.abs() < 1).double()

    grid = FokkerPlanck1D(lambda x: 0 * x, box, (-8, 8), 2000, diffusion=0.5, dt=5e-3)
    for t in (0.02, 0.3):
        root = math.sqrt(2 * t)
        exact = (torch.erf((grid.x + 1) / root) - torch.erf((grid.x - 1) / root)) / 4
        density = grid.density(t)
        assert float(density.min()) > -1e-12
        # second order with the four small steps at the start; 0.1 without them
        assert float((density - exact).abs().max()) < 5e-3


@pytest.fixture(params=["fokker_planck", "porous_medium"])
def grid(request: pytest.FixtureRequest) -> FiniteVolume1D:
    if request.param == "fokker_planck":
        return FokkerPlanck1D(styblinski_tang, gauss, (-9, 9), 300, dt=2e-3)
    return PorousMedium1D(2.0, lambda x: (1 - x**2).clamp(min=0), (-4, 4), 300, dt=2e-3)


def test_mass_is_conserved_and_energy_falls(grid: FiniteVolume1D) -> None:
    times = [0.0, 0.01, 0.1, 0.5, 1.5]
    for t in times:
        density = grid.density(t)
        assert float(density.sum()) * grid.dx == pytest.approx(1, abs=1e-11)  # round-off of solves
        assert float(density.min()) > -1e-15
    assert all(a > b for a, b in pairwise(grid.energy(t) for t in times))


def test_times_do_not_depend_on_the_order_of_the_questions(grid: FiniteVolume1D) -> None:
    late, early = grid.density(0.3037), grid.density(0.1)
    again = grid.density(0.3037)
    assert torch.equal(late, again)
    assert float((early - late).abs().max()) > 1e-3
    assert torch.equal(early, grid.density(0.1))


def test_quantiles_invert_the_distribution_function(grid: FiniteVolume1D) -> None:
    mass = np.cumsum(grid.density(0.4).numpy()) * grid.dx
    inside = (mass > 1e-6) & (mass < 1 - 1e-6)
    u = torch.from_numpy(mass[inside])
    edges = torch.from_numpy(grid.edges[1:][inside])
    assert float((grid.quantile(u, 0.4) - edges).abs().max()) < 1e-8  # round-off over density


def test_errors_of_a_sample(grid: FiniteVolume1D, generator: Generator) -> None:
    n = 20000
    x = grid.quantile(midpoints(n), 0.4)[torch.randperm(n, generator=generator), None]
    errors = grid.errors(Cloud(x), 0.4)
    assert set(errors) == {"marginal_w2", "mean_error", "covariance_error"}
    assert errors["marginal_w2"] == 0.0
    assert errors["mean_error"] < 1e-6  # midpoints in cells of size dx
    assert errors["covariance_error"] < 2e-3
    moved = grid.errors(Cloud(x + 0.5), 0.4)
    assert moved["marginal_w2"] == pytest.approx(0.5, rel=1e-12)
    assert moved["mean_error"] == pytest.approx(0.5, rel=1e-5)
    wide = grid.errors(Cloud(2 * x), 0.4)
    assert wide["covariance_error"] == pytest.approx(3 * grid.variance(0.4), rel=1e-2)


@pytest.mark.parametrize("m", [2.0, 3.0])
def test_porous_medium_against_barenblatt(m: float) -> None:
    exact = BarenblattSolution(1, m, t0=0.1)

    def flow(k: int) -> PorousMedium1D:
        def initial(x: Tensor) -> Tensor:
            return exact.density(x[:, None], 0.0)

        return PorousMedium1D(m, initial, (-2.5, 2.5), 200 * k, dt=4e-3 / k)

    ks, l1 = [1, 2, 4], []
    grids = [flow(k) for k in ks]
    for grid in grids:
        l1.append(float((grid.density(1.0) - exact.density(grid.x[:, None], 1.0)).abs().sum()))
        l1[-1] *= grid.dx
    # First order in dt; the cell that holds the kink at the free boundary makes it uneven.
    assert convergence_order([1 / k for k in ks], l1) == pytest.approx(1, abs=0.25), l1
    assert l1[-1] < 5e-4
    grid = grids[-1]
    assert grid.variance(1.0) == pytest.approx(exact.variance(1.0), abs=5e-4)
    assert grid.energy(1.0) == pytest.approx(exact.energy(1.0), abs=5e-5)
    left, right = grid.support(1.0)
    assert right == pytest.approx(exact.radius(1.0), abs=2 * grid.dx)
    assert left == pytest.approx(-right, abs=1e-12)
    start = grid.quantile(midpoints(4000), 0.0)
    assert w2_1d(exact.map(start[:, None], 1.0)[:, 0], lambda u: grid.quantile(u, 1.0)) < 5e-4


def test_nothing_flows_through_the_ends() -> None:
    # The whole mass spreads to the uniform density 1/4 and stays.
    grid = PorousMedium1D(2.0, lambda x: (1 - x**2).clamp(min=0), (-2, 2), 100, dt=0.1)
    assert float((grid.density(20.0) - 0.25).abs().max()) < 1e-8  # e^{−t m ρ (π/2)²} = e^{−24}
    assert float(grid.density(20.0).sum()) * grid.dx == pytest.approx(1, abs=1e-11)
    flat = FokkerPlanck1D(lambda x: 0 * x, lambda x: torch.exp(-20 * x**2), (-2, 2), 100)
    assert float((flat.density(20.0) - 0.25).abs().max()) < 1e-8


def test_porous_medium_lowers_every_convex_functional() -> None:
    def initial(x: Tensor) -> Tensor:
        return (1 - (x + 1) ** 2).clamp(min=0) + (x - 1.5).abs().lt(0.3).double()

    grid = PorousMedium1D(2.5, initial, (-5, 5), 250, dt=0.02)
    densities = [grid.density(0.02 * k) for k in range(20)]
    for a, b in pairwise(densities):
        assert float(b.min()) >= 0
        for eta in (lambda r: r**1.1, lambda r: r**4, lambda r: (r - 0.3).clamp(min=0)):
            assert float(eta(b).sum()) <= float(eta(a).sum()) + 1e-10  # Newton's tolerance


def test_wrong_arguments_are_named() -> None:
    def make(**options: object) -> FokkerPlanck1D:
        given = {"V": stiff, "initial": gauss, "interval": (-8, 9), "cells": 50, **options}
        return FokkerPlanck1D(**given)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="length of interval must be a finite number above 0"):
        make(interval=(1, 1))
    with pytest.raises(ValueError, match="cells must be an integer of at least 3, got 2"):
        make(cells=2)
    with pytest.raises(ValueError, match="initial must vanish at the ends of interval"):
        make(interval=(-2, 9))
    with pytest.raises(ValueError, match="initial must be a density"):
        make(initial=lambda x: -gauss(x))
    with pytest.raises(ValueError, match=r"initial\(x\) must have shape \(50\)"):
        make(initial=lambda x: gauss(x)[:3])
    with pytest.raises(ValueError, match=r"V\(x\) must have shape \(50\)"):
        make(V=lambda x: x[:, None])
    with pytest.raises(ValueError, match=r"t must be a finite number of at least 0, got -1\.0"):
        make().density(-1.0)
    with pytest.raises(ValueError, match=r"x must have shape \(any, 1\), got \(4, 2\)"):
        make().errors(Cloud(torch.zeros(4, 2)), 0.1)
    with pytest.raises(ValueError, match=r"m must be a finite number above 1, got 1\.0"):
        PorousMedium1D(1.0, gauss, (-9, 9))


def test_newton_says_when_it_fails() -> None:
    grid = PorousMedium1D(40.0, lambda x: 50 * gauss(9 * x), (-4, 4), 400, dt=1e6)
    with pytest.raises(NumericalError, match=r"Newton's method failed.*use a smaller dt"):
        grid.density(1e6)


def test_first_variations_are_derivatives_of_the_energy() -> None:
    def bump(x: Tensor) -> Tensor:
        return x * (1 - x**2).clamp(min=0) ** 3  # odd, so that the mass stays

    def flows(e: float) -> list[FiniteVolume1D]:
        def initial(x: Tensor) -> Tensor:
            return gauss(x) + e * bump(x)

        return [
            FokkerPlanck1D(stiff, initial, (-8, 8), 400, diffusion=0.7),
            PorousMedium1D(2.5, initial, (-8, 8), 400),
        ]

    e = 1e-4
    for down, mid, up in zip(flows(-e), flows(0.0), flows(e), strict=True):
        moved = float(mid.first_variation(0.0) @ (up.density(0.0) - down.density(0.0))) * mid.dx
        # central differences: e² = 1e-8
        assert up.energy(0.0) - down.energy(0.0) == pytest.approx(moved, rel=1e-6)


def test_velocity_and_dissipation_of_a_gaussian() -> None:
    errors: list[list[float]] = []
    for k in (1, 2, 4):
        grid, flow = ornstein_uhlenbeck(500 * k, 4e-3 / k)
        m, c = float(flow.mean(0.5)), float(flow.covariance(0.5))
        x = m + math.sqrt(c) * torch.linspace(-2, 2, 31, dtype=torch.float64).view(1, 31)
        slope = 1 / c - 4
        exact = (x - m) / c - 4 * (x - 1)
        speed = slope**2 * c + 16 * (m - 1) ** 2
        v = grid.velocity(x, 0.5)
        assert v.shape == x.shape
        errors.append([float((v - exact).abs().max()), abs(grid.dissipation(0.5) - speed)])
    for column in zip(*errors, strict=True):
        assert convergence_order([4, 2, 1], column) == pytest.approx(2, abs=0.3), errors


def test_energy_falls_by_the_dissipation(grid: FiniteVolume1D) -> None:
    e = 0.01
    fall = (grid.energy(0.3 - e) - grid.energy(0.3 + e)) / (2 * e)
    # first order in dt (porous medium) and the kink at its free boundary
    assert grid.dissipation(0.3) == pytest.approx(fall, rel=0.02)


def test_particles_keep_their_rank() -> None:
    # On the line x(t) = F_t⁻¹(F_0(x)), whatever the solver of the equation does.
    gaps = []
    for k in (1, 2, 4):
        grid, _ = ornstein_uhlenbeck(500 * k, 4e-3 / k)
        u = midpoints(50)
        times = [0.0, 0.3, 0.7]
        path = trajectories(grid.velocity, grid.quantile(u, 0.0), times, 2 * grid.dt)
        assert path.shape == (3, 50)
        exact = torch.stack([grid.quantile(u, t) for t in times])
        gaps.append(float((path - exact).abs().max()))
    assert convergence_order([4, 2, 1], gaps) == pytest.approx(2, abs=0.4), gaps


def test_trajectories_are_of_fourth_order() -> None:
    def velocity(x: Tensor, t: float) -> Tensor:
        return t * x  # x(t) = e^{t²/2}

    start = torch.ones(1, dtype=torch.float64)
    errors = [
        abs(float(trajectories(velocity, start, [0.0, 1.0], 1 / n)[-1]) - math.exp(0.5))
        for n in (10, 20, 40)
    ]
    assert convergence_order([4, 2, 1], errors) == pytest.approx(4, abs=0.15), errors
    # 0.13 does not divide the interval: steps are shortened, and end at 1 exactly
    end = trajectories(velocity, start, [0.0, 1.0], 0.13)[-1]
    assert torch.equal(end, trajectories(velocity, start, [0.0, 1.0], 1 / 8)[-1])


def test_trajectories_say_what_is_wrong() -> None:
    start = torch.ones(1, dtype=torch.float64)
    with pytest.raises(ValueError, match="times must have a length above 0, got 0"):
        trajectories(lambda x, t: x, start, [], 0.1)
    with pytest.raises(ValueError, match="difference of successive times must be"):
        trajectories(lambda x, t: x, start, [0.0, 0.0], 0.1)
    with pytest.raises(ValueError, match="dt must be a finite number above 0"):
        trajectories(lambda x, t: x, start, [0.0, 1.0], 0.0)
    with pytest.raises(NumericalError, match="take a smaller dt"):
        trajectories(lambda x, t: x**3, 1e6 * start, [0.0, 9.0], 1.0)
