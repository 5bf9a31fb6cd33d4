"""Gaussians under the Wasserstein metric: Lyapunov equation, optimal maps, geodesics, action."""

from __future__ import annotations

import math

import pytest
import torch
from cases import normal, relative_gap
from scipy.linalg import solve_continuous_lyapunov
from torch import Generator, Tensor

from pwgf_core import (
    gaussian_action,
    gaussian_geodesic,
    gaussian_metric,
    gaussian_speed,
    gaussian_w2,
    gradient_part,
    lyapunov,
    optimal_matrix,
)

DIMS = [1, 2, 5]


def covariance(generator: Generator, dim: int) -> Tensor:
    """Random, with a condition number of at most about 10²."""
    a = normal(generator, dim, dim)
    return a @ a.T + 0.2 * torch.eye(dim).double()


def two_gaussians(generator: Generator, dim: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    c0, c1 = covariance(generator, dim), covariance(generator, dim)
    return normal(generator, dim), c0, normal(generator, dim), c1


@pytest.mark.parametrize("dim", DIMS)
def test_lyapunov_agrees_with_scipy(dim: int, generator: Generator) -> None:
    c, s = covariance(generator, dim), normal(generator, dim, dim)
    q = lyapunov(c, s)
    assert relative_gap(q @ c + c @ q, s) < 1e-12  # rounding times the condition, here and below
    slow = torch.from_numpy(solve_continuous_lyapunov(c.numpy(), s.numpy()))
    assert relative_gap(q, slow) < 1e-12
    assert relative_gap(lyapunov(c, s + s.T), lyapunov(c, s + s.T).T) < 1e-14


@pytest.mark.parametrize("dim", DIMS)
def test_gradient_part_is_the_nearest_symmetric_matrix(dim: int, generator: Generator) -> None:
    c, m, h = covariance(generator, dim), normal(generator, dim, dim), normal(generator, dim, dim)
    q = gradient_part(m, c)
    h = h + h.T
    size = torch.trace(m @ c @ m.T) ** 0.5 * torch.trace(h @ c @ h) ** 0.5
    # The remainder is orthogonal to every linear gradient Hy: E(M − Q)y·Hy = 0.
    assert float(torch.trace((m - q) @ c @ h).abs() / size) < 1e-13
    assert relative_gap(gradient_part(h, c), h) < 1e-12
    flow = torch.linalg.matrix_exp(0.7 * (m - q))  # the remainder carries no mass, at any time
    assert relative_gap(flow @ c @ flow.T, c) < 1e-11


@pytest.mark.parametrize("dim", DIMS)
def test_optimal_matrix(dim: int, generator: Generator) -> None:
    _, c0, _, c1 = two_gaussians(generator, dim)
    a = optimal_matrix(c0, c1)
    assert relative_gap(a @ c0 @ a, c1) < 1e-12  # rounding
    assert torch.equal(a, a.T)
    assert float(torch.linalg.eigvalsh(a)[0]) > 0
    assert relative_gap(optimal_matrix(c1, c0) @ a, torch.eye(dim).double()) < 1e-11
    cost = torch.trace((a - torch.eye(dim)) @ c0 @ (a - torch.eye(dim)))
    zero = torch.zeros(dim)
    assert gaussian_w2(zero, c0, zero, c1) ** 2 == pytest.approx(float(cost), rel=1e-10)


@pytest.mark.parametrize("dim", DIMS)
def test_geodesic_has_constant_speed(dim: int, generator: Generator) -> None:
    ends = two_gaussians(generator, dim)
    length = gaussian_w2(*ends)
    for s, t in ((0.0, 1.0), (0.0, 0.3), (0.2, 0.9), (0.5, 0.6)):
        distance = gaussian_w2(*gaussian_geodesic(s, *ends), *gaussian_geodesic(t, *ends))
        assert distance == pytest.approx((t - s) * length, rel=1e-7)  # √ of rounding
    back = gaussian_geodesic(0.3, *ends[2:], *ends[:2])
    for here, there in zip(gaussian_geodesic(0.7, *ends), back, strict=True):
        assert relative_gap(here, there) < 1e-11  # the same path from the other end


@pytest.mark.parametrize("dim", DIMS)
def test_action_is_least_on_the_geodesic(dim: int, generator: Generator) -> None:
    ends = m0, c0, m1, c1 = two_gaussians(generator, dim)
    least = gaussian_w2(*ends) ** 2

    def geodesic(t: Tensor) -> tuple[Tensor, Tensor]:
        return gaussian_geodesic(t, *ends)

    bump = covariance(generator, dim)

    def detour(t: Tensor) -> tuple[Tensor, Tensor]:
        m, c = gaussian_geodesic(t, *ends)
        return m + t * (1 - t), c + t * (1 - t) * bump

    assert gaussian_action(geodesic) == pytest.approx(least, rel=1e-10)  # rounding
    assert gaussian_action(lambda t: geodesic(t * t)) == pytest.approx(4 / 3 * least, rel=1e-10)
    for t in (0.0, 0.4, 1.0):
        assert gaussian_speed(geodesic, t) == pytest.approx(least**0.5, rel=1e-10)
    assert gaussian_action(detour) > 1.01 * least
    straight = gaussian_action(lambda t: (m0 + t * (m1 - m0), c0 + t * (c1 - c0)))
    assert straight > least


def test_action_of_a_path_in_closed_form() -> None:
    # Variance from 1 to 9 along a line: ∫ (c′)²/(4c) dt = 2 log 9.
    one, zero = torch.eye(1).double(), torch.zeros(1).double()
    action = gaussian_action(lambda t: (zero, (1 + 8 * t) * one))
    assert action == pytest.approx(2 * math.log(9), rel=1e-10)  # Gauss's rule has converged
    assert gaussian_action(lambda t: (zero, (1 + 8 * t) * one), nodes=3) != pytest.approx(action)


@pytest.mark.parametrize("dim", DIMS)
def test_metric_is_the_square_of_small_distances(dim: int, generator: Generator) -> None:
    m, c, dm, dc = two_gaussians(generator, dim)
    metric = gaussian_metric(c, dm, dc - c)
    ratios = [
        gaussian_w2(m, c, m + e * dm, c + e * (dc - c)) ** 2 / e**2 / metric for e in (1e-4, 5e-5)
    ]
    assert ratios[1] == pytest.approx(1, abs=1e-2)
    # The error is of order e, so extrapolation leaves e² and rounding divided by e².
    assert 2 * ratios[1] - ratios[0] == pytest.approx(1, abs=1e-4)


def test_wrong_arguments_are_named() -> None:
    eye, skew = torch.eye(2), torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    zero = torch.zeros(2)
    with pytest.raises(ValueError, match=r"c must be positive definite, got eigenvalue 0"):
        lyapunov(0 * eye, eye)
    with pytest.raises(ValueError, match="c must be symmetric"):
        lyapunov(eye + skew, eye)
    with pytest.raises(ValueError, match=r"s must have shape \(2, 2\), got \(3, 3\)"):
        lyapunov(eye, torch.eye(3))
    with pytest.raises(ValueError, match=r"m must have shape \(2, 2\), got \(2,\)"):
        gradient_part(zero, eye)
    with pytest.raises(ValueError, match="dc must be symmetric"):
        gaussian_metric(eye, zero, skew)
    with pytest.raises(ValueError, match=r"dm must have shape \(2\)"):
        gaussian_metric(eye, torch.zeros(3), eye)
    with pytest.raises(ValueError, match="c1 must be positive definite, got eigenvalue -1"):
        optimal_matrix(eye, -eye)
    with pytest.raises(ValueError, match=r"m1 must have shape \(2\), got \(1,\)"):
        gaussian_geodesic(0.5, zero, eye, torch.zeros(1), eye)
    with pytest.raises(ValueError, match="nodes must be an integer of at least 1, got 0"):
        gaussian_action(lambda t: (zero, eye), nodes=0)
