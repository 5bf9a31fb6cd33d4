"""Fokker–Planck equations with potentials that are radial in blocks of coordinates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..diagnostics.distances import w2_1d
from ..errors import (
    check_count,
    check_function,
    check_lists,
    check_points,
    check_positive,
    check_real,
    check_type,
    check_values,
)
from ..model import Cloud
from .fokker_planck_1d import FokkerPlanck1D


class RadialBlocks:
    """∂_tρ = ∇·(ρ∇V) + Δρ from N(0, I), V(x) = Σ_k U_k(|y_k|), (y_1, …) = Qx in blocks of n_k > 4.

    ρ_t is a product of radial laws, and the radius r of a block of n coordinates follows a
    Fokker–Planck equation on the half line with the potential U(r) − (n − 1) log r: finite volumes
    in one dimension. As v is radial, the exact flow of z is y_k ↦ y_k R_t(|y_k|)/|y_k| with the
    monotone R_t from the law of |y_k| at 0 to that at t. `sizes` sum to d, `rotation` is Q.

    Raises `ValueError` for a size below 5, where the law of r does not vanish at 0 fast enough, for
    as many potentials as sizes not given, or a rotation that is not an
    orthogonal matrix (d, d).

    >>> flow = RadialBlocks([lambda r: r * r / 2], [6], cells=1000)  # in equilibrium: N(0, I)
    >>> round(flow.energy(0.5) + 3 * math.log(2 * math.pi), 3)  # log of the normalisation
    0.0
    """

    def __init__(
        self,
        potentials: Sequence[Callable[[Tensor], Tensor]],
        sizes: Sequence[int],
        rotation: Tensor | None = None,
        end: float = 10.0,
        cells: int = 4000,
    ) -> None:
        check_lists(1, potentials=potentials, sizes=sizes)
        for u, n in zip(potentials, sizes, strict=True):
            check_function("potentials", u)
            check_count("sizes", n, 5)
        check_positive("end", end)
        d = sum(sizes)
        q = torch.eye(d, dtype=torch.float64) if rotation is None else rotation
        check_real("rotation", q, (d, d))
        check_values("rotation", q)
        q = q.double().cpu()
        gap = float((q @ q.T - torch.eye(d, dtype=q.dtype)).abs().max())
        if gap > 1e-5:  # round-off of single precision stays below
            raise ValueError(f"rotation must be orthogonal, got one that misses it by {gap:.3g}")
        self.sizes, self.rotation = list(sizes), q
        self.laws = [
            FokkerPlanck1D(
                lambda r, u=u, n=n: u(r) - (n - 1) * r.log(),
                lambda r, n=n: torch.exp((n - 1) * r.log() - r * r / 2),
                (0.0, end),
                cells,
            )
            for u, n in zip(potentials, sizes, strict=True)
        ]

    def energy(self, t: float) -> float:
        """F(ρ_t): that of the radii less the logarithms of the areas of the unit spheres."""
        areas = (math.log(2) + n / 2 * math.log(math.pi) - math.lgamma(n / 2) for n in self.sizes)
        return sum(law.energy(t) for law in self.laws) - sum(areas)

    def map(self, z: Tensor, t: float) -> Tensor:
        """The exact flow of points z of N(0, I), shape (n, d), in double precision on the CPU."""
        y = []
        for block, law in zip(self._blocks(z), self.laws, strict=True):
            r = torch.linalg.vector_norm(block, dim=1)
            y.append(block * (law.quantile(law.cdf(r, 0.0), t) / r)[:, None])
        return torch.cat(y, 1) @ self.rotation

    def errors(self, cloud: Cloud, t: float) -> dict[str, float]:
        """`map_l2`, the L²(λ) distance of the cloud's map to `map`, and `radius_w2`.

        The latter is the root of the sum of W2² of the radii of the blocks: W2 lies between them.
        """
        check_type("cloud", cloud, Cloud)
        x = cloud.x.double().cpu()
        miss = (x - self.map(cloud.z, t)).square().sum(1)
        total = 0.0
        for block, law in zip(self._blocks(x), self.laws, strict=True):
            r = torch.linalg.vector_norm(block, dim=1)
            total += w2_1d(r, lambda u, law=law: law.quantile(u, t)) ** 2
        return {"map_l2": math.sqrt(float(miss.mean())), "radius_w2": math.sqrt(total)}

    def _blocks(self, x: Tensor) -> Sequence[Tensor]:
        check_points("x", x, sum(self.sizes))
        return (x.double().cpu() @ self.rotation.T).split(self.sizes, 1)
