"""Reference solutions on a grid of the line: Fokker–Planck and porous-medium equations."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import solve_banded
from scipy.sparse import csc_array, dia_array, eye_array
from scipy.sparse.linalg import SuperLU, splu
from scipy.special import exprel, xlogy
from torch import Tensor

from ..diagnostics.distances import w2_1d
from ..errors import NumericalError, check_count, check_positive, check_shape
from ..model import Cloud

Array = NDArray[np.float64]
START = 8  # steps of implicit Euler in one of the first two


class FiniteVolume1D(ABC):
    """A density on `cells` equal cells of an interval, conserved, marched in steps of `dt`.

    `initial` maps the cell centres (cells,) to densities, which are then normalised. Every time
    is reached from 0 by the same steps and one shorter step, whatever was asked for before.

    Raises `ValueError` for an interval that is empty, a density that is negative or has not
    vanished at its ends (below 1e-8 of its maximum), and a dt that is not positive.
    """

    def __init__(
        self,
        initial: Callable[[Tensor], Tensor],
        interval: tuple[float, float],
        cells: int,
        dt: float,
    ) -> None:
        low, high = interval
        check_positive("the length of interval", high - low)
        check_count("cells", cells, 3)
        check_positive("dt", dt)
        self.dt, self.dx = dt, (high - low) / cells
        self.x = torch.linspace(low, high, 2 * cells + 1, dtype=torch.float64)[1::2]
        self.edges = np.linspace(low, high, cells + 1)
        density = initial(self.x)
        check_shape("initial(x)", density, (cells,))
        rho = density.double().numpy()
        if not rho.min() >= 0 or not 0 < rho.max() < math.inf:
            raise ValueError("initial must be a density, got a negative or non-finite value")
        if max(rho[0], rho[-1]) > 1e-8 * rho.max():
            raise ValueError("initial must vanish at the ends of interval; take a longer interval")
        self._states = {0: rho / (rho.sum() * self.dx)}

    @abstractmethod
    def _step(self, rho: Array, dt: float, first: bool) -> Array:
        """The density after one step; `first` where rough initial data must be smoothed."""

    @abstractmethod
    def energy(self, t: float) -> float:
        """F(ρ_t)."""

    def _density(self, t: float) -> Array:
        if not 0 <= t < math.inf:
            raise ValueError(f"t must be a finite number of at least 0, got {t!r}")
        k = int(t / self.dt + 1e-9)
        done = max(j for j in self._states if j <= k)
        rho = self._states[done]
        for j in range(done, k):
            rho = self._step(rho, self.dt, j < 2)
        self._states[k] = rho
        rest = t - k * self.dt
        return self._step(rho, rest, k < 2) if rest > 1e-9 * self.dt else rho

    def density(self, t: float) -> Tensor:
        """ρ_t at the cell centres `x`, shape (cells,)."""
        return torch.from_numpy(self._density(t).copy())

    def mean(self, t: float) -> float:
        """∫x ρ_t."""
        return float(self.x.numpy() @ self._density(t)) * self.dx

    def variance(self, t: float) -> float:
        """∫(x − m_t)² ρ_t."""
        return float((self.x.numpy() - self.mean(t)) ** 2 @ self._density(t)) * self.dx

    def quantile(self, u: Tensor, t: float) -> Tensor:
        """The quantile function of ρ_t, constant density in each cell: (n,) → (n,) on the CPU."""
        mass = np.cumsum(np.clip(self._density(t), 0, None))
        cdf = np.concatenate([[0.0], mass / mass[-1]])
        return torch.from_numpy(np.interp(u.double().cpu().numpy(), cdf, self.edges))

    def errors(self, cloud: Cloud, t: float) -> dict[str, float]:
        """`marginal_w2` (W2 on the line), `mean_error` and `covariance_error` of the sample."""
        check_shape("x", cloud.x, (None, 1))
        x = cloud.x[:, 0].double().cpu()
        return {
            "marginal_w2": w2_1d(x, lambda u: self.quantile(u, t)),
            "mean_error": abs(float(x.mean()) - self.mean(t)),
            "covariance_error": abs(float(x.var(correction=0)) - self.variance(t)),
        }


class FokkerPlanck1D(FiniteVolume1D):
    """∂_tρ = ∂_x(ρV′ + D ∂_xρ) without flux through the ends, of second order in dx and dt.

    Scharfetter–Gummel fluxes J = (D/dx) [B(s)ρ_i − B(−s)ρ_{i+1}], B(s) = s/(eˢ − 1),
    s = (V_{i+1} − V_i)/D, vanish at e^{−V/D} exactly; Crank–Nicolson in time, with eight short
    steps of implicit Euler for each of the first two (Rannacher). `V` maps (cells,) to (cells,).

    Source: D. L. Scharfetter, H. K. Gummel, IEEE Trans. Electron Devices 16, 1969.

    >>> ou = FokkerPlanck1D(lambda x: 0.5 * x**2, lambda x: torch.exp(-2 * x**2), (-8, 8), 800)
    >>> round(ou.variance(0.5), 3)  # 1 − (3/4) e^{−1}
    0.724
    """

    def __init__(
        self,
        V: Callable[[Tensor], Tensor],
        initial: Callable[[Tensor], Tensor],
        interval: tuple[float, float],
        cells: int = 4000,
        diffusion: float = 1.0,
        dt: float = 5e-4,
    ) -> None:
        super().__init__(initial, interval, cells, dt)
        check_positive("diffusion", diffusion)
        values = V(self.x)
        check_shape("V(x)", values, (cells,))
        self.V, self.diffusion = values.double().numpy(), diffusion
        s = np.diff(self.V) / diffusion
        up, down = np.append(1 / exprel(s), 0), np.insert(1 / exprel(-s), 0, 0)  # B(s), B(−s)
        bands = diffusion / self.dx**2 * np.stack([up, -(up + down), down])
        self._generator = dia_array((bands, [-1, 0, 1]), shape=(cells, cells))
        self._factors: dict[float, SuperLU] = {}

    def _implicit(self, rho: Array, dt: float) -> Array:
        """(I − dt A)⁻¹ρ, with the factors kept for the steps that recur."""
        factors = self._factors.get(dt)
        if factors is None:
            factors = splu(csc_array(eye_array(len(rho)) - dt * self._generator))
            if dt in (self.dt / 2, self.dt / START):
                self._factors[dt] = factors
        return factors.solve(rho)

    def _step(self, rho: Array, dt: float, first: bool) -> Array:
        if first:
            for _ in range(START):
                rho = self._implicit(rho, dt / START)
            return rho
        return self._implicit(rho + 0.5 * dt * (self._generator @ rho), dt / 2)

    def energy(self, t: float) -> float:
        """F(ρ_t) = ∫Vρ_t + D∫ρ_t log ρ_t."""
        rho = np.clip(self._density(t), 0, None)
        return float(self.V @ rho + self.diffusion * xlogy(rho, rho).sum()) * self.dx

    def equilibrium(self) -> Tensor:
        """e^{−V/D}/Z at the cell centres, shape (cells,)."""
        weight = np.exp(-(self.V - self.V.min()) / self.diffusion)
        return torch.from_numpy(weight / (weight.sum() * self.dx))


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
        super().__init__(initial, interval, cells, dt)
        if not 1 < m < math.inf:
            raise ValueError(f"m must be a finite number above 1, got {m!r}")
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

    def support(self, t: float) -> tuple[float, float]:
        """The free boundaries: ends of the cells where ρ_t exceeds 1e-4 of its maximum."""
        rho = self._density(t)
        inside = np.flatnonzero(rho > 1e-4 * rho.max())
        return float(self.edges[inside[0]]), float(self.edges[inside[-1] + 1])
