"""Fokker–Planck and porous-medium equations on the line.

The quadratic, quartic and sextic potentials are those that X. Zuo, J. Zhao, S. Liu, S. Osher and
W. Li, arXiv 2402.16821, solve with two-layer ReLU maps, the transform `relu` here; the quadratic's
numbers, the times and ρ_0 = N(0, 1) are a choice of this package.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import Tensor

from ..energies import Entropy, PorousMedium, Potential
from ..exact import BarenblattSolution, FokkerPlanck1D
from ..linalg import Dense
from ..model import PushForward
from ..reference import Barenblatt, Gaussian
from ..state import Problem
from .families import TRANSFORMS, first_theta, make_transform, small_solver


def _fokker_planck(
    name: str,
    well: Callable[[Tensor], Tensor],
    transform: str,
    layers: int | None,
    seed: int,
    dtype: torch.dtype | None,
    device: torch.device | str,
    *,
    diffusion: float = 1.0,
    cells: int = 4000,
    t_end: float = 1.0,
    h: float = 0.005,
    method: str = "midpoint",
    allowed: Collection[str] = TRANSFORMS,
) -> Problem:
    """∂_tρ = ∂_x(ρV′) + D∂_xxρ from N(0, 1), V = `well` entry by entry, on (−8, 8)."""
    dtype = dtype or torch.float64
    family = make_transform(transform, 1, layers, allowed=allowed, width=24)
    # two kinks that come close move fast: a larger shift for ReLU maps
    shift = 1e-5 if transform == "relu" else 1e-6
    return Problem(
        PushForward(Gaussian(1), family),
        Potential(lambda x: well(x).sum(1)) + diffusion * Entropy(),
        first_theta(family, seed, dtype, device),
        t_end=t_end,
        h=h,
        samples=1000,
        sampling="matched",
        method=method,
        solver=Dense(cutoff=1e-14, shift=shift),
        exact=FokkerPlanck1D(
            well, lambda x: torch.exp(-x * x / 2), (-8, 8), cells, diffusion, dt=2 / cells
        ),
        name=name,
    )


def double_well_1d(
    transform: str = "residual",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Problem:
    """Fokker–Planck equation on the line with V(x) = (x² − 1)²/4 and D = 1/4, from N(0, 1)."""

    def well(x: Tensor) -> Tensor:
        return (x * x - 1) ** 2 / 4

    return _fokker_planck(
        "double_well_1d", well, transform, layers, seed, dtype, device, diffusion=0.25, t_end=2.0
    )


def quadratic_1d(
    transform: str = "residual",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Problem:
    """Fokker–Planck equation on the line with V(x) = (x − 1)², D = 1, from N(0, 1)."""

    def well(x: Tensor) -> Tensor:
        return (x - 1) ** 2

    return _fokker_planck("quadratic_1d", well, transform, layers, seed, dtype, device)


def quartic_1d(
    transform: str = "residual",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Problem:
    """Fokker–Planck equation on the line with V(x) = (x − 1)⁴/4 − (x − 1)²/2, from N(0, 1)."""

    def well(x: Tensor) -> Tensor:
        return (x - 1) ** 4 / 4 - (x - 1) ** 2 / 2

    return _fokker_planck(
        "quartic_1d", well, transform, layers, seed, dtype, device, method="adaptive"
    )


def sextic_1d(
    transform: str = "relu",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Problem:
    """Fokker–Planck equation on the line with V(x) = (x − 4)⁶/6, D = 1, from N(0, 1).

    V′ is −1024 at the mean of ρ_0 and −17000 at three deviations from it: within 0.02 the law has
    moved to a mean of 2.2 and shrunk to a deviation of 0.14. The adaptive pair finds its steps;
    residual maps fold on the way.
    """

    def well(x: Tensor) -> Tensor:
        return (x - 4) ** 6 / 6

    return _fokker_planck(
        "sextic_1d",
        well,
        transform,
        layers,
        seed,
        dtype,
        device,
        cells=8000,
        h=0.01,
        method="adaptive",
        allowed=("relu", "affine", "planar", "affine-planar"),
    )


def porous_medium_1d(
    transform: str = "affine",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Problem:
    """Porous-medium equation ∂_tρ = ∂_xxρ² on the line from Barenblatt's profile at t0 = 1.

    λ = ρ_0 is the profile itself, and the exact map is a dilation.
    """
    dtype = dtype or torch.float64
    profile = Barenblatt(1, 2.0, 1.0)
    family = make_transform(transform, 1, layers, width=24, kinks=0.8 * profile.radius)
    return Problem(
        PushForward(profile, family),
        PorousMedium(2.0),
        first_theta(family, seed, dtype, device),
        t_end=1.0,
        h=0.02,
        samples=1000,
        sampling="matched",
        solver=small_solver(transform, 1e-5 if transform == "relu" else 1e-7),
        exact=BarenblattSolution(1, 2.0, 1.0),
        name="porous_medium_1d",
    )
