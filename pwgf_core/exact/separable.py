"""Products of one-dimensional flows, in any orthogonal coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from ..diagnostics.distances import w2_1d
from ..errors import check_lists, check_method, check_points, check_real
from ..model import Cloud


class Law1D(Protocol):
    """A flow on the line, as those of `FiniteVolume1D`."""

    def quantile(self, u: Tensor, t: float) -> Tensor:
        """The quantile function of ρ_t, (n,) → (n,)."""
        ...

    def energy(self, t: float) -> float:
        """F(ρ_t)."""
        ...


class Separable:
    """∂_tρ = ∇·(ρ∇V) + D Δρ with V(x) = Σ_i V_i((Qx)_i): in y = Qx a product of flows on the line.

    `laws` holds the flow of each coordinate of y (one object may stand for many), `rotation` the
    orthogonal Q, shape (d, d), the identity by default.

    Raises `ValueError` for no laws, a Q of another shape, or one that is not orthogonal.

    >>> from pwgf_core import FokkerPlanck1D
    >>> law = FokkerPlanck1D(lambda x: x**2, lambda x: torch.exp(-(x**2)), (-7, 7), 400)
    >>> flow = Separable([law] * 3)  # starts in its equilibrium
    >>> round(flow.energy(0.0) / law.energy(0.5), 6)
    3.0
    """

    def __init__(self, laws: Sequence[Law1D], rotation: Tensor | None = None) -> None:
        check_lists(1, laws=laws)
        for k, law in enumerate(laws):
            check_method(f"laws[{k}]", law, "quantile", "energy")
        d = len(laws)
        if rotation is not None:
            check_real("rotation", rotation, (d, d))
        q = torch.eye(d, dtype=torch.float64) if rotation is None else rotation.double().cpu()
        miss = float((q @ q.T - torch.eye(d, dtype=torch.float64)).abs().max())
        if not miss < 1e-5:
            raise ValueError(f"rotation must be orthogonal, got QQᵀ off the identity by {miss:.3g}")
        self.laws, self.rotation = tuple(laws), q

    def energy(self, t: float) -> float:
        """F(ρ_t), the sum over the coordinates."""
        return sum(law.energy(t) for law in self.laws)

    def marginal_w2(self, cloud: Cloud, t: float) -> Tensor:
        """W2 of each marginal of y to its exact law, shape (d,).

        W2(ρ_θ, ρ_t) is at least the root of the sum of their squares.
        """
        check_points("x", cloud.x, len(self.laws))
        y = cloud.x.double().cpu() @ self.rotation.T
        u = (torch.arange(len(y), dtype=torch.float64) + 0.5) / len(y)
        quantiles = {id(law): law.quantile(u, t) for law in set(self.laws)}
        w2 = [w2_1d(y[:, i], quantiles[id(law)]) for i, law in enumerate(self.laws)]
        return torch.tensor(w2, dtype=torch.float64)

    def errors(self, cloud: Cloud, t: float) -> dict[str, float]:
        """`marginal_w2`, the mean over the coordinates of y, and `marginal_w2_max`."""
        w2 = self.marginal_w2(cloud, t)
        return {"marginal_w2": float(w2.mean()), "marginal_w2_max": float(w2.max())}
