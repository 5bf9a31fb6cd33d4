"""The other methods do what their theorems say, so that the comparison with them is fair."""

from __future__ import annotations

import doctest
import math

import pytest
import torch
from torch import Generator, Tensor

import rivals
from pwgf_core import BarenblattSolution, Gaussian, NumericalError, OrnsteinUhlenbeck, moments
from pwgf_core.reference import Barenblatt

SIGMA = torch.tensor([[1.0, 0.4], [0.4, 0.5]], dtype=torch.float64)
MU = torch.tensor([1.0, -1.0], dtype=torch.float64)
LAW = OrnsteinUhlenbeck(MU, SIGMA)


def slope(x: Tensor) -> Tensor:
    return (x - MU) @ LAW.precision


def test_the_examples_of_the_docstrings() -> None:
    assert doctest.testmod(rivals).failed == 0


def test_langevin_has_the_moments_of_the_flow(generator: Generator) -> None:
    n, t = 40000, 0.5
    x = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    m, c = moments(rivals.langevin(slope, x, t, 500, 1.0, generator))
    exact = LAW.covariance(t)
    # four standard deviations of the sample's mean and covariance, plus the bias of h = 0.001
    assert (m - LAW.mean(t)).abs().max() < 4 * math.sqrt(float(exact.max()) / n) + 2e-3
    assert (c - exact).abs().max() < 4 * math.sqrt(2 / n) * float(exact.max()) + 2e-3


def test_the_bias_of_euler_maruyama_in_equilibrium(generator: Generator) -> None:
    # the covariance of the chain is D P⁻¹(1 − hP/2)⁻¹: at h = 0.4 it is far from DΣ
    h, n = 0.4, 40000
    x = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    c = moments(rivals.langevin(slope, x, 20.0, 50, 1.0, generator))[1]
    eye = torch.eye(2, dtype=torch.float64)
    chain = SIGMA @ torch.linalg.inv(eye - h / 2 * LAW.precision)
    assert float((c - chain).abs().max()) < 4 * math.sqrt(2 / n) * float(chain.max())
    assert float((c - SIGMA).abs().max()) > 0.2


def test_taming_keeps_the_points_finite(generator: Generator) -> None:
    x = 10 * torch.randn(100, 1, generator=generator)
    with pytest.raises(NumericalError, match="tame"):
        rivals.langevin(lambda x: x**3, x, 5.0, 20, 1.0, generator)
    assert rivals.langevin(lambda x: x**3, x, 5.0, 20, 1.0, generator, tamed=True).abs().max() < 99


def test_the_fixed_point_of_stein_descent_on_a_gaussian(generator: Generator) -> None:
    # Where φ = 0 the terms with ∇k cancel in the sum over all pairs, and what is left says that
    # the mean with the weights Σ_i k(x_i, x_j) is μ.
    x = torch.randn(30, 2, generator=generator, dtype=torch.float64)
    for rate in (0.1, 0.01, 1e-3, 1e-4):  # AdaGrad's steps do not shrink by themselves
        x = rivals.stein_descent(lambda x: -slope(x), x, 500, rate, bandwidth=0.8)
    phi = rivals.stein_direction(lambda x: -slope(x), x, bandwidth=0.8)
    weights = torch.exp(-(torch.cdist(x, x) ** 2) / (2 * 0.8**2)).sum(0)
    gap = (weights / weights.sum()) @ x - MU
    # P (gap) is the sum of φ over the points, divided by Σ_ij k/n ≥ 1
    assert float(gap.norm()) <= float(SIGMA.norm() * 30 * phi.norm(dim=1).max())
    assert float(phi.norm(dim=1).max()) < 1e-3
    assert float(gap.norm()) < 1e-3
    # few points with a narrow kernel: some variance is missing, and no more than half of it
    trace = float(torch.trace(moments(x)[1]) / torch.trace(SIGMA))
    assert 0.5 < trace < 1.0


def test_steins_identity(generator: Generator) -> None:
    # E_π[k(X, y)∇log π(X) + ∇_X k(X, y)] = 0: on n exact samples φ is of the order 1/√n
    def typical(n: int) -> float:
        x = (
            MU
            + torch.randn(n, 2, generator=generator, dtype=torch.float64)
            @ torch.linalg.cholesky(SIGMA).T
        )
        return float(rivals.stein_direction(lambda x: -slope(x), x, 1.0).norm(dim=1).mean())

    assert typical(2500) < 0.35 * typical(100)  # 1/5 on average
    x = torch.randn(200, 2, generator=generator, dtype=torch.float64)  # not π
    assert rivals.stein_direction(lambda x: -slope(x), x, 1.0).norm(dim=1).mean() > 0.3


def test_the_stein_discrepancy_sees_mean_and_spread(generator: Generator) -> None:
    z = torch.randn(1000, 2, generator=generator, dtype=torch.float64)
    x = MU + z @ torch.linalg.cholesky(SIGMA).T
    base = rivals.stein_discrepancy(lambda x: -slope(x), x)
    assert base < 0.15  # about √(E u(X, X)/n) = √(tr P + d)/√n
    for wrong in (x + 0.3, MU + 0.8 * (x - MU), MU + 1.25 * (x - MU)):
        assert rivals.stein_discrepancy(lambda x: -slope(x), wrong) > 1.5 * base


@pytest.mark.parametrize("m", [1.0, 2.0, 3.0])
def test_the_blob_velocity_is_minus_the_gradient(m: float, generator: Generator) -> None:
    x = torch.randn(12, 2, generator=generator, dtype=torch.float64).requires_grad_()
    w = torch.rand(12, generator=generator, dtype=torch.float64)
    w = w / w.sum()
    (gradient,) = torch.autograd.grad(rivals.blob_energy(x, w, 0.7, m), x)
    v = rivals.blob_velocity(x.detach(), w, 0.7, m)
    assert torch.allclose(v, -gradient / w[:, None], atol=1e-12)  # round-off


def heat_error(per_side: int) -> float:
    """|variance − (1 + 2t)| of blobs on a lattice of the line from N(0, 1), t = 1/2."""
    x = rivals.lattice(-4.5, 4.5, per_side, 1)
    w = torch.exp(-0.5 * x[:, 0] ** 2)
    w = w / w.sum()
    y = rivals.blob_flow(x, w, 0.5, 40, 1.5 * 9 / per_side)
    return abs(float(w @ y[:, 0] ** 2) - 2)


def test_the_blob_method_solves_the_heat_equation() -> None:
    coarse, fine = heat_error(30), heat_error(60)
    assert fine < 0.003  # of 1 gained; measured 0.0013
    assert fine < 0.12 * coarse  # of fourth order in ε for the variance of a Gaussian


def test_the_rate_of_the_variance_of_a_gaussian() -> None:
    # ċ = 2(1 − ε⁴/(c + ε²)²): a Gaussian integral, and sums on a lattice are exact for those
    x = rivals.lattice(-8.0, 8.0, 400, 1)
    w = torch.exp(-0.5 * x[:, 0] ** 2)
    w = w / w.sum()
    for epsilon in (0.3, 1.0):
        rate = 2 * float(w @ (x * rivals.blob_velocity(x, w, epsilon))[:, 0])
        assert abs(rate - 2 * (1 - epsilon**4 / (1 + epsilon**2) ** 2)) < 1e-9


@pytest.mark.parametrize("dim", [1, 2])
def test_the_blob_method_solves_the_porous_medium_equation(dim: int) -> None:
    profile, t = Barenblatt(dim, 2.0, 1.0), 1.0
    per_side = 60 if dim == 1 else 24
    x = rivals.lattice(-profile.radius, profile.radius, per_side, dim)
    x = x[x.norm(dim=1) < profile.radius]
    w = profile.log_prob(x).exp()
    w = w / w.sum()
    spacing = 2 * profile.radius / per_side
    y = rivals.blob_flow(x, w, t, 60, 1.2 * spacing, m=2.0)
    miss = (y - BarenblattSolution(dim, 2.0, 1.0).map(x, t)).square().sum(1)
    # the points at the rough edge of the support err by a part of the spacing
    assert math.sqrt(float(w @ miss)) < 0.1 * spacing


def test_the_first_moment_stays_and_the_energy_falls(generator: Generator) -> None:
    x = Gaussian(3).draw(40, generator, sampling="matched")
    w = torch.full((40,), 1 / 40, dtype=torch.float64)
    y = rivals.blob_flow(x, w, 0.3, 20, 0.8)
    assert float((w @ y).abs().max()) < 1e-13  # the forces of a pair are opposite
    assert rivals.blob_energy(y, w, 0.8) < rivals.blob_energy(x, w, 0.8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w, g: rivals.langevin(slope, x, 0.0, 5, 1.0, g), "t must be"),
        (lambda x, w, g: rivals.langevin(slope, x, 1.0, 0, 1.0, g), "steps must be"),
        (lambda x, w, g: rivals.langevin(slope, x, 1.0, 5, -1.0, g), "diffusion must be"),
        (lambda x, w, g: rivals.stein_direction(slope, x[:1]), "at least 2 points, got 1"),
        (lambda x, w, g: rivals.stein_descent(slope, x, 5, 0.0), "rate must be"),
        (lambda x, w, g: rivals.blob_velocity(x, w[:2], 1.0), "weights must have shape"),
        (lambda x, w, g: rivals.blob_velocity(x, w, 0.0), "epsilon must be"),
        (lambda x, w, g: rivals.lattice(1.0, 1.0, 3, 1), "high - low must be"),
    ],
)
def test_bad_input(call: object, message: str, generator: Generator) -> None:
    x, w = torch.zeros(4, 2).double(), torch.full((4,), 0.25).double()
    with pytest.raises(ValueError, match=message):
        call(x, w, generator)  # type: ignore[operator]
