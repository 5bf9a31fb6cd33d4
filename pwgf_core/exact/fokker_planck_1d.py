"""The Fokker–Planck equation on the line by finite volumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from scipy.sparse import csc_array, dia_array, eye_array
from scipy.sparse.linalg import SuperLU, splu
from scipy.special import exprel, xlogy
from torch import Tensor

from ..errors import check_count, check_function, check_positive, check_real, check_values
from .finite_volume import Array, FiniteVolume1D

START = 8  # steps of implicit Euler in one of the first two


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
        check_function("V", V)
        values = V(self.x)
        check_real("V(x)", values, (cells,))
        check_values("V(x)", values)
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

    def first_variation(self, t: float) -> Tensor:
        """V + D(log ρ_t + 1), shape (cells,); log ρ is cut off at log 1e-300."""
        log_rho = np.log(np.maximum(self._density(t), 1e-300))
        return torch.from_numpy(self.V + self.diffusion * (log_rho + 1))

    def equilibrium(self) -> Tensor:
        """e^{−V/D}/Z at the cell centres, shape (cells,)."""
        weight = np.exp(-(self.V - self.V.min()) / self.diffusion)
        return torch.from_numpy(weight / (weight.sum() * self.dx))

    def rates(self, count: int = 1) -> Tensor:
        """The slowest rates λ_1 ≤ λ_2 ≤ … of ρ_t → e^{−V/D}/Z, shape (count,); λ_1 is the gap.

        With dρ/dt = Aρ on the cells, −λ_k are the eigenvalues of A but 0: those of the symmetric
        matrix e^{V/2D} A e^{−V/2D}. Raises `ValueError` for a count above that of the cells less 1.

        >>> ou = FokkerPlanck1D(lambda x: 0.5 * x**2, lambda x: torch.exp(-(x**2)), (-8, 8), 800)
        >>> ou.rates(3).round(decimals=3).tolist()
        [1.0, 2.0, 3.0]
        """
        check_count("count", count)
        n = len(self.x)
        if count > n - 1:
            raise ValueError(f"count must be at most {n - 1}, the cells less 1, got {count}")
        matrix = self._generator.tocsr()
        between = np.sqrt(matrix.diagonal(-1) * matrix.diagonal(1))
        values: Any = eigh_tridiagonal(
            matrix.diagonal(),
            between,
            eigvals_only=True,
            select="i",
            select_range=(n - 1 - count, n - 2),
        )
        return torch.from_numpy(-values[::-1].copy())
