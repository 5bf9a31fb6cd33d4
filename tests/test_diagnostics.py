"""Distances between Gaussians and measured orders, against other libraries and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import ot
import pytest
import torch
from cases import normal
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from pwgf_core import convergence_order, gaussian_kl, gaussian_w2, moments

dims = pytest.mark.parametrize("dim", [1, 2, 6])


def gaussian(dim: int, generator: Generator) -> tuple[Tensor, Tensor]:
    factor = normal(generator, dim, dim)
    return normal(generator, dim), factor @ factor.T + 0.1 * torch.eye(dim)


@dims
def test_w2_against_another_library(dim: int, generator: Generator) -> None:
    for _ in range(10):
        (m1, c1), (m2, c2) = gaussian(dim, generator), gaussian(dim, generator)
        peer = ot.gaussian.bures_wasserstein_distance(m1, m2, c1, c2)
        assert isinstance(peer, Tensor)
        # matrix square roots of condition below 1e3
        assert gaussian_w2(m1, c1, m2, c2) == pytest.approx(float(peer), rel=1e-9)


@dims
def test_w2_of_commuting_covariances(dim: int, generator: Generator) -> None:
    # W2² = |m1 − m2|² + |C1^½ − C2^½|² where C1 and C2 have the same eigenvectors.
    q = torch.linalg.qr(normal(generator, dim, dim)).Q
    a, b = (0.1 + normal(generator, dim).abs() for _ in range(2))
    m1, m2 = normal(generator, dim), normal(generator, dim)
    c1, c2 = (q * a**2) @ q.T, (q * b**2) @ q.T
    expected = math.sqrt(float((m1 - m2).square().sum() + (a - b).square().sum()))
    assert gaussian_w2(m1, c1, m2, c2) == pytest.approx(expected, rel=1e-10)


@dims
def test_w2_is_a_distance(dim: int, generator: Generator) -> None:
    a, b, c = (gaussian(dim, generator) for _ in range(3))
    assert gaussian_w2(*a, *b) == pytest.approx(gaussian_w2(*b, *a), rel=1e-10)
    assert gaussian_w2(*a, *c) <= gaussian_w2(*a, *b) + gaussian_w2(*b, *c)
    assert gaussian_w2(*a, *a) < 1e-6  # rounding 1e-15 under the root, times the size


def test_w2_of_singular_covariances(generator: Generator) -> None:
    m, c = gaussian(3, generator)
    point = torch.zeros(3, 3).double()
    expected = math.sqrt(float((m - 1).square().sum() + torch.trace(c)))  # to a Dirac measure
    one = torch.ones(3).double()
    assert gaussian_w2(m, c, one, point) == pytest.approx(expected, rel=1e-12)


@dims
def test_kl_against_torch(dim: int, generator: Generator) -> None:
    m, c = gaussian(dim, generator)
    assert gaussian_kl(m, c, m, c) == pytest.approx(0.0, abs=1e-12)  # round-off
    for _ in range(10):
        (m1, c1), (m2, c2) = gaussian(dim, generator), gaussian(dim, generator)
        peer = kl_divergence(MultivariateNormal(m1, c1), MultivariateNormal(m2, c2))
        # solves with a matrix of condition below 1e4
        assert gaussian_kl(m1, c1, m2, c2) == pytest.approx(float(peer), rel=1e-10)


def test_moments_against_numpy(generator: Generator) -> None:
    x = 3 + normal(generator, 40, 3)
    mean, covariance = moments(x.float())
    rounded = x.float().double().numpy()
    assert mean.dtype is torch.float64
    np.testing.assert_allclose(mean.numpy(), rounded.mean(0), rtol=1e-14)  # round-off
    np.testing.assert_allclose(covariance.numpy(), np.cov(rounded.T, bias=True), rtol=1e-12)
    with pytest.raises(ValueError, match=r"x must have shape \(any, any\), got \(40,\)"):
        moments(x[:, 0])


@pytest.mark.parametrize("order", [0.5, 1.0, 4.0])
def test_order_of_a_power_law(order: float) -> None:
    h = [0.3, 0.1, 0.02, 0.007]
    assert convergence_order(h, [7 * k**order for k in h]) == pytest.approx(order, rel=1e-12)


@pytest.mark.parametrize(
    "call",
    [lambda: convergence_order([0.1], [0.2]), lambda: convergence_order([0.1, 0.2], [0.1])],
    ids=["one pair", "two lengths"],
)
def test_an_order_needs_pairs(call: Callable[[], float]) -> None:
    with pytest.raises(ValueError, match="h and error must have one length above 1, got"):
        call()
