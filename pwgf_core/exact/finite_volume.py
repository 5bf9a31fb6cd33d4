"""Reference solutions on a grid of the line: what the equations have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..diagnostics.distances import w2_1d
from ..errors import (
    check_count,
    check_function,
    check_lists,
    check_memory,
    check_not_negative,
    check_number,
    check_points,
    check_positive,
    check_real,
    check_type,
)
from ..model import Cloud

Array = NDArray[np.float64]


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
        check_lists(2, interval=interval)
        low, *_, high = interval
        check_number("interval", low)
        check_number("interval", high)
        check_positive("the length of interval", high - low)
        check_count("cells", cells, 3)
        check_memory("cells", cells, 20.0 * cells)
        check_positive("dt", dt)
        check_function("initial", initial)
        self.dt, self.dx = dt, (high - low) / cells
        self.x = torch.linspace(low, high, 2 * cells + 1, dtype=torch.float64)[1::2]
        self.edges = np.linspace(low, high, cells + 1)
        density = initial(self.x)
        check_real("initial(x)", density, (cells,))
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

    @abstractmethod
    def first_variation(self, t: float) -> Tensor:
        """δF/δρ of ρ_t at the cell centres `x`, shape (cells,)."""

    def _edge_velocity(self, t: float) -> Array:
        """−∂_x δF/δρ at the inner edges."""
        return -np.diff(self.first_variation(t).numpy()) / self.dx

    def velocity(self, x: Tensor, t: float) -> Tensor:
        """v_t = −∂_x δF/δρ at points of any shape, linear between the edges of the cells."""
        check_type("x", x, Tensor)
        v = np.interp(x.double().cpu().numpy(), self.edges[1:-1], self._edge_velocity(t))
        return torch.from_numpy(v)

    def dissipation(self, t: float) -> float:
        """∫|v_t|² ρ_t, the rate at which F falls, by the trapezoidal rule on the inner edges."""
        rho = self._density(t)
        return float(self._edge_velocity(t) ** 2 @ (rho[1:] + rho[:-1])) * self.dx / 2

    def _density(self, t: float) -> Array:
        check_not_negative("t", t)
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
        check_type("u", u, Tensor)
        mass = np.cumsum(np.clip(self._density(t), 0, None))
        cdf = np.concatenate([[0.0], mass / mass[-1]])
        return torch.from_numpy(np.interp(u.double().cpu().numpy(), cdf, self.edges))

    def cdf(self, x: Tensor, t: float) -> Tensor:
        """The distribution function of ρ_t, constant density in each cell: (n,) → (n,)."""
        check_type("x", x, Tensor)
        mass = np.concatenate([[0.0], np.cumsum(self._density(t)) * self.dx])
        return torch.from_numpy(np.interp(x.double().cpu().numpy(), self.edges, mass))

    def log_density(self, x: Tensor, t: float) -> Tensor:
        """log ρ_t, linear between the cell centres, any shape; −∞ outside them or where ρ_t ≤ 0."""
        check_type("x", x, Tensor)
        density = self._density(t)
        log = np.log(density, out=np.full_like(density, -np.inf), where=density > 0)
        return torch.from_numpy(
            np.interp(x.double().cpu().numpy(), self.x.numpy(), log, -np.inf, -np.inf)
        )

    def errors(self, cloud: Cloud, t: float) -> dict[str, float]:
        """`marginal_w2` (W2 on the line), `mean_error` and `covariance_error` of the sample."""
        check_points("x", cloud.x, 1)
        x = cloud.x[:, 0].double().cpu()
        return {
            "marginal_w2": w2_1d(x, lambda u: self.quantile(u, t)),
            "mean_error": abs(float(x.mean()) - self.mean(t)),
            "covariance_error": abs(float(x.var(correction=0)) - self.variance(t)),
        }
