"""The standard normal measure."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ..errors import check_count, check_draw, check_points
from .base import Reference, match


class Gaussian(Reference):
    """The standard normal measure N(0, I) on R^d.

    log λ(z) = −|z|²/2 − (d/2) log 2π and ∇ log λ(z) = −z.

    Raises `ValueError` if `dim` is no positive integer.

    >>> g = Gaussian(3)
    >>> z = g.sample(5, torch.Generator().manual_seed(0))
    >>> z.shape, bool((g.score(z) == -z).all())
    (torch.Size([5, 3]), True)
    """

    def __init__(self, dim: int) -> None:
        check_count("dim", dim)
        self.dim = dim

    def __repr__(self) -> str:
        return f"Gaussian({self.dim})"

    def sample(self, n: int, generator: Generator, dtype: torch.dtype = torch.float64) -> Tensor:
        check_draw(n, self.dim, generator, dtype)
        device = generator.device
        return torch.randn(n, self.dim, generator=generator, dtype=dtype, device=device)

    def from_uniform(self, u: Tensor) -> Tensor:
        check_points("u", u, self.dim)
        return torch.special.ndtri(u)

    def log_prob(self, z: Tensor) -> Tensor:
        check_points("z", z, self.dim)
        return -0.5 * (z * z).sum(1) - 0.5 * self.dim * math.log(2 * math.pi)

    def score(self, z: Tensor) -> Tensor:
        check_points("z", z, self.dim)
        return -z

    def cdf(self, z: Tensor) -> Tensor:
        check_points("z", z, 1)
        return torch.special.ndtr(z[:, 0])

    def matched(self, z: Tensor) -> Tensor:
        """z ↦ L⁻¹(z − z̄) with the Cholesky factor L of the sample covariance (weights 1/n).

        Raises `ValueError` unless there are more than d points.
        """
        return match(z, torch.zeros(self.dim), torch.eye(self.dim))
