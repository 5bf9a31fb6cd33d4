"""The Barenblatt profile of the porous medium equation."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import betainc, betaincinv, gammainc, gammaincc
from torch import Generator, Tensor

from ..errors import check_above, check_count, check_draw, check_points, check_positive
from .base import Reference, match_inside


class Barenblatt(Reference):
    """Self-similar solution of ∂_tu = Δu^m from a unit mass at the origin, at the time t.

    u(x, t) = t^{−α}(C − k|x|² t^{−2β})₊^{1/(m−1)} with β = 1/(d(m−1) + 2), α = dβ,
    k = β(m−1)/(2m); its mass fixes C^{p+d/2} = (k/π)^{d/2} Γ(p+1+d/2)/Γ(p+1), p = 1/(m−1).
    The support is the ball of `radius` R = t^β √(C/k), where |x|²/R² has the law
    Beta(d/2, p+1); E|x|² = R² d/(d + 2p + 2). The optimal map to the profile at another time t′ is
    x ↦ (t′/t)^β x. (Barenblatt 1952; Vázquez, The Porous Medium Equation, 2007.)

    Raises `ValueError` unless dim ≥ 1, m > 1 and t > 0.

    >>> profile = Barenblatt(2, m=2.0, t=1.0)
    >>> round(profile.radius, 6), round(profile.variance, 6)  # R⁴ = 32/π, R²/6
    (1.786488, 0.531923)
    """

    def __init__(self, dim: int, m: float, t: float = 1.0) -> None:
        check_count("dim", dim)
        check_above("m", m, 1)
        check_positive("t", t)
        self.dim, self.m, self.t = dim, m, t
        p = self.power = 1 / (m - 1)
        self.beta = 1 / (dim * (m - 1) + 2)
        k = self.beta * (m - 1) / (2 * m)
        log_c = dim / 2 * math.log(k / math.pi) + math.lgamma(p + 1 + dim / 2) - math.lgamma(p + 1)
        log_c /= p + dim / 2
        self.radius = t**self.beta * math.exp(0.5 * (log_c - math.log(k)))
        self.variance = self.radius**2 / (dim + 2 * p + 2)  # of each coordinate
        self._log_peak = p * log_c - dim * self.beta * math.log(t)

    def __repr__(self) -> str:
        return f"Barenblatt({self.dim}, m={self.m}, t={self.t})"

    def sample(self, n: int, generator: Generator, dtype: torch.dtype = torch.float64) -> Tensor:
        check_draw(n, self.dim, generator, dtype)
        device = generator.device
        g = torch.randn(n, self.dim, generator=generator, dtype=torch.float64, device=device)
        return self.from_normal(g).to(dtype)

    def from_uniform(self, u: Tensor) -> Tensor:
        """Normal quantiles first, then `from_normal`."""
        check_points("u", u, self.dim)
        return self.from_normal(torch.special.ndtri(u))

    def from_normal(self, g: Tensor) -> Tensor:
        """The optimal map from N(0, I) to the profile, (n, d) → (n, d): radial and monotone."""
        check_points("g", g, self.dim)
        # |g|² is χ² with d degrees of freedom; each half of the mass from its own end
        a, b, half = self.dim / 2, self.power + 1, (g.double() ** 2).sum(1).cpu().numpy() / 2
        lower, upper = gammainc(a, half), gammaincc(a, half)
        ratio = np.where(lower < 0.5, betaincinv(a, b, lower), 1 - betaincinv(b, a, upper))
        norm = self.radius * torch.from_numpy(ratio).to(g).sqrt()
        return g * (norm / g.norm(dim=1).clamp(min=torch.finfo(g.dtype).tiny))[:, None]

    def _gap(self, z: Tensor) -> Tensor:
        """1 − |z|²/R², shape (n,)."""
        check_points("z", z, self.dim)
        return 1 - (z * z).sum(1) / self.radius**2

    def log_prob(self, z: Tensor) -> Tensor:
        return self._log_peak + self.power * self._gap(z).clamp(min=0).log()

    def score(self, z: Tensor) -> Tensor:
        gap = self._gap(z)[:, None]
        inside = torch.where(gap > 0, gap, math.nan)
        return (-2 * self.power / self.radius**2) * z / inside

    def cdf(self, z: Tensor) -> Tensor:
        """½ + ½ sign(z) I(z²/R²; ½, p + 1), I the regularised incomplete beta function."""
        check_points("z", z, 1)
        y = z[:, 0] / self.radius
        inner = betainc(0.5, self.power + 1, (y * y).clamp(max=1).double().cpu().numpy())
        return 0.5 + 0.5 * y.sign() * torch.from_numpy(inner).to(y)

    def matched(self, z: Tensor) -> Tensor:
        """z with the mean and covariance of λ, by moves that vanish on the sphere |z| = R.

        The points stay in the ball. Raises `ValueError` unless there are more than d points and
        `NumericalError` where that is not enough.
        """
        mean, covariance = torch.zeros(self.dim), self.variance * torch.eye(self.dim).double()
        return match_inside(z, mean, covariance, lambda y: self._gap(y)[:, None])
