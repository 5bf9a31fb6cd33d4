"""Barenblatt's solution of the porous-medium equation."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..diagnostics.gaussian import gaussian_w2, moments
from ..errors import (
    check_above,
    check_count,
    check_function,
    check_not_negative,
    check_points,
    check_positive,
)
from ..model import Cloud


class BarenblattSolution:
    """∂_tρ = Δρᵐ, m > 1, from the profile ρ_0 = u(·, t0) of mass one on R^d.

    u(x, s) = s^{−α} (C − k|x|²s^{−2β})₊^{1/(m−1)}, β = 1/(d(m − 1) + 2), α = dβ, k = β(m − 1)/(2m),
    and ρ_t = u(·, t0 + t). The flow moves points by x ↦ (1 + t/t0)^β x, which is also the optimal
    map. `initial` maps z to x(0) where λ is not ρ_0 itself.

    Raises `ValueError` for a dimension, m or t0 out of range.

    Source: J. L. Vázquez, The porous medium equation, Oxford 2007, section 4.4.

    >>> flow = BarenblattSolution(2, m=2.0, t0=1.0)
    >>> round(flow.radius(15.0) / flow.radius(0.0), 6)  # 16^{1/4}
    2.0
    """

    def __init__(
        self,
        dim: int,
        m: float = 2.0,
        t0: float = 1.0,
        initial: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        check_count("dim", dim)
        check_positive("t0", t0)
        check_above("m", m, 1)
        if initial is not None:
            check_function("initial", initial)
        self.dim, self.m, self.t0 = dim, float(m), t0
        self.initial = initial or (lambda z: z)
        self.beta = 1 / (dim * (m - 1) + 2)
        self.k = self.beta * (m - 1) / (2 * m)
        power = 1 / (m - 1)
        # ∫(C − k|y|²)₊^p dy = C^{p + d/2} (π/k)^{d/2} Γ(p + 1)/Γ(p + 1 + d/2) is to be 1.
        log_c = 0.5 * dim * math.log(self.k / math.pi) - _log_beta(power, dim)
        self.c = math.exp(log_c / (power + dim / 2))

    def scale(self, t: float) -> float:
        """(1 + t/t0)^β, the factor of the map and of the radius."""
        check_not_negative("t", t)
        return (1 + t / self.t0) ** self.beta

    def map(self, z: Tensor, t: float) -> Tensor:
        """x(t) at the points z of λ: (n, d) → (n, d)."""
        check_points("z", z, self.dim)
        return self.scale(t) * self.initial(z)

    def radius(self, t: float) -> float:
        """Radius of the support, √(C/k) (t0 + t)^β."""
        return math.sqrt(self.c / self.k) * self.t0**self.beta * self.scale(t)

    def variance(self, t: float) -> float:
        """Variance of each coordinate, R(t)² / (d + 2 + 2/(m − 1))."""
        return self.radius(t) ** 2 / (self.dim + 2 + 2 / (self.m - 1))

    def density(self, x: Tensor, t: float) -> Tensor:
        """ρ_t(x): (n, d) → (n,)."""
        check_points("x", x, self.dim)
        s = self.t0 * self.scale(t) ** (1 / self.beta)
        profile = self.c - self.k * (x * x).sum(1) * s ** (-2 * self.beta)
        return s ** (-self.dim * self.beta) * profile.clamp(min=0) ** (1 / (self.m - 1))

    def energy(self, t: float) -> float:
        """F(ρ_t) = ∫ρ_tᵐ/(m − 1), which falls like (t0 + t)^{−α(m−1)}."""
        power = self.m / (self.m - 1)
        log_integral = (power + self.dim / 2) * math.log(self.c)
        log_integral += 0.5 * self.dim * math.log(math.pi / self.k) + _log_beta(power, self.dim)
        start = math.exp(log_integral) * self.t0 ** (-self.dim * self.beta * (self.m - 1))
        return start * self.scale(t) ** (-self.dim * (self.m - 1)) / (self.m - 1)

    def errors(self, cloud: Cloud, t: float) -> dict[str, float]:
        """Errors of a cloud that knows its z.

        `map_l2`, the L²(λ) distance of the maps, bounds W2 from above, `bures_w2`, that of the
        first two moments, from below. `support_radius` is the largest |x|, and
        `support_radius_error` its relative distance to that of the exact map.
        """
        x, z = cloud.x.double().cpu(), cloud.z.double().cpu()
        exact = self.map(z, t)
        mean, covariance = moments(x)
        eye = torch.eye(self.dim, dtype=torch.float64)
        largest, wanted = (float(torch.linalg.vector_norm(a, dim=1).max()) for a in (x, exact))
        return {
            "map_l2": math.sqrt(float((x - exact).square().sum(1).mean())),
            "bures_w2": gaussian_w2(
                mean, covariance, torch.zeros_like(mean), self.variance(t) * eye
            ),
            "support_radius": largest,
            "support_radius_error": abs(largest / wanted - 1),
        }


def _log_beta(power: float, dim: int) -> float:
    """log of Γ(p + 1)/Γ(p + 1 + d/2), which times π^{d/2} is ∫(1 − |y|²)₊^p dy."""
    return math.lgamma(power + 1) - math.lgamma(power + 1 + dim / 2)
