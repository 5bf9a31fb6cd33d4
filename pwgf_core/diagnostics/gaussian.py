"""Moments of a sample, and the distance and divergence of Gaussians with given moments."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..distributed import expectation
from ..errors import check_covariance, check_points, check_real, check_symmetric, check_values


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) of a sample (n, d), with weights 1/n, in double precision."""
    check_points("x", x)
    x = x.double()
    mean = expectation(x.sum(0), len(x))
    centred = x - mean
    return mean, expectation(centred.T @ centred, len(x))


def _semidefinite(name: str, c: Tensor, dim: int) -> None:
    """Raise `ValueError` unless C is symmetric, its eigenvalues at least 0 up to rounding."""
    check_symmetric(name, c, dim)
    values = torch.linalg.eigvalsh(c.double())
    smallest, largest = float(values[0]), float(values[-1])
    if smallest < -1e-4 * max(largest, 0.0) or largest < 0:
        raise ValueError(f"{name} must be positive semi-definite, got eigenvalue {smallest:.3g}")


def _means(m1: Tensor, m2: Tensor) -> int:
    """The dimension of two means of one shape (d,)."""
    for name, m in (("m1", m1), ("m2", m2)):
        check_real(name, m, (None,) if name == "m1" else tuple(m1.shape))
        check_values(name, m)
    if not len(m1):
        raise ValueError("m1 must hold at least one number, got none")
    return len(m1)


def psd_sqrt(c: Tensor) -> Tensor:
    """The square root of a symmetric positive semi-definite matrix."""
    values, vectors = torch.linalg.eigh(c)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def gaussian_w2(m1: Tensor, c1: Tensor, m2: Tensor, c2: Tensor) -> float:
    """W2 between N(m1, C1) and N(m2, C2), the Bures–Wasserstein distance of their moments.

    W2² = |m1 − m2|² + tr(C1 + C2 − 2 (C1^½ C2 C1^½)^½). Rounding of size ε shows as √ε: near
    zero compare means and covariances instead.

    Raises `ValueError` for other shapes, and unless C1 and C2 are symmetric and semi-definite.

    >>> zero, eye = torch.zeros(2), torch.eye(2)
    >>> round(gaussian_w2(zero, eye, zero, 4 * eye), 6)
    1.414214
    """
    dim = _means(m1, m2)
    _semidefinite("c1", c1, dim)
    _semidefinite("c2", c2, dim)
    root = psd_sqrt(c1.double())
    cross = psd_sqrt(root @ c2.double() @ root)
    bures = torch.trace(c1.double()) + torch.trace(c2.double()) - 2 * torch.trace(cross)
    return math.sqrt(max(0.0, float((m1.double() - m2.double()).square().sum() + bures)))


def gaussian_kl(m1: Tensor, c1: Tensor, m2: Tensor, c2: Tensor) -> float:
    """KL(N(m1, C1) ‖ N(m2, C2)) = ½ [tr(C2⁻¹C1) − d + |m2 − m1|²_{C2⁻¹} + log det C2/det C1].

    Raises `ValueError` for other shapes, and unless C1 and C2 are symmetric and positive definite.

    >>> round(gaussian_kl(torch.zeros(1), torch.eye(1), torch.ones(1), torch.eye(1)), 6)
    0.5
    """
    dim = _means(m1, m2)
    check_covariance("c1", c1, dim)
    check_covariance("c2", c2, dim)
    m1, c1, m2, c2 = m1.double(), c1.double(), m2.double(), c2.double()
    gap = m2 - m1
    trace = torch.trace(torch.linalg.solve(c2, c1)) - len(m1)
    distance = gap @ torch.linalg.solve(c2, gap)
    return 0.5 * float(trace + distance + torch.logdet(c2) - torch.logdet(c1))
