"""The porous-medium equation on the line by finite volumes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import solve_banded
from torch import Tensor

from ..errors import NumericalError, check_above
from .finite_volume import Array, FiniteVolume1D


class PorousMedium1D(FiniteVolume1D):
    """∂_tρ = ∂_xxρᵐ, m > 1, by implicit Euler steps: ρ⁺ − (dt/dx²) Δ(ρ⁺)ᵐ = ρ, without flux out.

    The step is monotone, so it keeps ρ ≥ 0 and every ∫η(ρ) with convex η falls, F = ∫ρᵐ/(m − 1)
    among them. Newton's method solves it. First order in dt.

    Raises what `FiniteVolume1D` raises, `ValueError` for an m of at most 1, and `NumericalError`
    if Newton's method fails.

    Source: J. L. Vázquez, The porous medium equation, Oxford 2007, for the scheme and the theory.

    >>> flow = PorousMedium1D(2.0, lambda x: (1 - x**2).clamp(min=0), (-3, 3), 300, dt=0.01)
    >>> flow.energy(0.0) > flow.energy(0.1) > flow.energy(1.0)
    True
    """

    def __init__(
        self,
        m: float,
        initial: Callable[[Tensor], Tensor],
        interval: tuple[float, float],
        cells: int = 1000,
        dt: float = 5e-4,
    ) -> None:
        check_above("m", m, 1)
        super().__init__(initial, interval, cells, dt)
        self.m = float(m)

    def _step(self, rho: Array, dt: float, first: bool) -> Array:
        n, ratio = len(rho), dt / self.dx**2
        count = np.full(n, 2.0)
        count[[0, -1]] = 1.0  # neighbours
        new = rho
        for _ in range(50 + n):  # the free boundary moves by one cell in an iteration
            with np.errstate(over="ignore"):
                power, slope = new**self.m, self.m * new ** (self.m - 1)
            if not np.isfinite(power).all():
                break
            spread = count * power
            spread[1:] -= power[:-1]
            spread[:-1] -= power[1:]
            residual = new + ratio * spread - rho
            # round-off in the largest terms is all that can be asked for
            if np.abs(residual).max() <= 1e-14 * (rho.max() + 4 * ratio * power.max()):
                return new
            bands = np.zeros((3, n))
            bands[0, 1:] = -ratio * slope[1:]
            bands[1] = 1 + ratio * count * slope
            bands[2, :-1] = -ratio * slope[:-1]
            new = np.clip(new - solve_banded((1, 1), bands, residual), 0, None)
        raise NumericalError(f"Newton's method failed in a step of {dt:.3g}; use a smaller dt")

    def energy(self, t: float) -> float:
        """F(ρ_t) = ∫ρ_tᵐ / (m − 1)."""
        return float((self._density(t) ** self.m).sum()) * self.dx / (self.m - 1)

    def first_variation(self, t: float) -> Tensor:
        """m ρ_tᵐ⁻¹ / (m − 1), shape (cells,)."""
        return self.m / (self.m - 1) * self.density(t) ** (self.m - 1)

    def support(self, t: float) -> tuple[float, float]:
        """The free boundaries: ends of the cells where ρ_t exceeds 1e-4 of its maximum."""
        rho = self._density(t)
        inside = np.flatnonzero(rho > 1e-4 * rho.max())
        return float(self.edges[inside[0]]), float(self.edges[inside[-1] + 1])
