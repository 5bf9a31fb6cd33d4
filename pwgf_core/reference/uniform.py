"""The uniform measure on a box."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ..errors import check_draw, check_points, check_real, check_values
from .base import Reference, match_inside


class Uniform(Reference):
    """The uniform measure on the box Π_i (low_i, high_i), with `low` and `high` of shape (d,).

    log λ = −Σ log(high_i − low_i) and ∇log λ = 0 inside; mean (low + high)/2, variances
    (high − low)²/12. The density does not vanish at the boundary: the weak form E[Jᵀv] = −∇F of an
    energy with log ρ holds only for maps whose tangent fields do not cross it.

    Raises `ValueError` if the shapes differ or some low_i is not below high_i.

    >>> box = Uniform(torch.zeros(2), torch.tensor([1.0, 4.0]))
    >>> z = box.sample(100, torch.Generator().manual_seed(0))
    >>> round(float(box.log_prob(z)[0].exp()), 6)
    0.25
    """

    def __init__(self, low: Tensor, high: Tensor) -> None:
        for name, end in (("low", low), ("high", high)):
            check_real(name, end, (None,) if name == "low" else tuple(low.shape))
            check_values(name, end)
        self.low, self.high = low.double(), high.double()
        width = self.high - self.low
        if not bool((width > 0).all() and torch.isfinite(width).all() and len(width)):
            raise ValueError(f"low must be below high, got {low.tolist()} and {high.tolist()}")
        self.dim = len(low)
        self.mean, self.covariance = (self.low + self.high) / 2, torch.diag(width**2 / 12)
        self._log_volume = float(width.log().sum())

    def __repr__(self) -> str:
        return f"Uniform({self.low.tolist()}, {self.high.tolist()})"

    def sample(self, n: int, generator: Generator, dtype: torch.dtype = torch.float64) -> Tensor:
        check_draw(n, self.dim, generator, dtype)
        device = generator.device
        u = torch.rand(n, self.dim, generator=generator, dtype=torch.float64, device=device)
        return self.from_uniform(u).to(dtype)

    def from_uniform(self, u: Tensor) -> Tensor:
        check_points("u", u, self.dim)
        low, high = self.low.to(u), self.high.to(u)
        return low + (high - low) * u

    def _scaled(self, z: Tensor) -> Tensor:
        """z in coordinates that make the box (−1, 1)^d."""
        check_points("z", z, self.dim)
        return 2 * (z - self.mean.to(z)) / (self.high - self.low).to(z)

    def _inside(self, z: Tensor) -> Tensor:
        """Whether z lies in the closed box, up to rounding, shape (n, 1)."""
        rounding = 4 * torch.finfo(z.dtype).eps
        return (self._scaled(z).abs() <= 1 + rounding).all(1, keepdim=True)

    def log_prob(self, z: Tensor) -> Tensor:
        inside = self._inside(z)[:, 0]
        return torch.where(inside, -self._log_volume, -math.inf).to(z)

    def score(self, z: Tensor) -> Tensor:
        return torch.where(self._inside(z), 0.0, math.nan).to(z).expand_as(z)

    def cdf(self, z: Tensor) -> Tensor:
        check_points("z", z, 1)
        return (self._scaled(z)[:, 0].clamp(-1, 1) + 1) / 2

    def matched(self, z: Tensor) -> Tensor:
        """z with the mean and covariance of λ, by moves of coordinate i that vanish on its faces.

        The points stay in the box. Raises `ValueError` unless there are more than d points and
        `NumericalError` where that is not enough.
        """
        return match_inside(z, self.mean, self.covariance, lambda y: 1 - self._scaled(y).square())
