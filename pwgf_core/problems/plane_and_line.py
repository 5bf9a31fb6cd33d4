"""Aggregation and porous-medium equations in the plane."""

from __future__ import annotations

import torch
from torch import Generator

from ..energies import PorousMedium, QuarticInteraction
from ..exact import Aggregation2D, BarenblattSolution
from ..linalg import Dense, Minres
from ..model import PushForward
from ..reference import Barenblatt, Gaussian
from ..state import Problem
from .families import make_transform

CENTRE, SPREAD = 1.25, 0.18**0.5  # x⁰ and b/√2 of the slides


def aggregation_2d(
    transform: str = "residual",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Problem:
    """Aggregation equation with W(y) = |y|⁴/4 − |y|²/2 from N(x⁰, 0.18 I), x⁰ = (5/4, 5/4).

    The slides' first example with ρ_0 normalised: λ = N(0, I), and T starts as the affine map
    z ↦ x⁰ + 0.18^½ z.
    """
    dtype = dtype or torch.float64
    family = make_transform(transform, 2, layers, allowed=("affine", "residual"), width=96)
    theta0 = family.init(Generator().manual_seed(seed), torch.float64)
    theta0[:6] = torch.tensor([SPREAD, 0.0, 0.0, SPREAD, CENTRE, CENTRE])  # A and c come first
    return Problem(
        PushForward(Gaussian(2), family),
        QuarticInteraction(1.0, -1.0),
        theta0.to(device, dtype),
        t_end=5.0,
        h=0.1,
        samples=3000,
        sampling="matched",
        method="rk4",
        solver=Dense(cutoff=1e-14, shift=1e-7),
        exact=Aggregation2D(initial=lambda z: CENTRE + SPREAD * z),
        name="aggregation_2d",
    )


def porous_medium_2d(
    transform: str = "affine",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Problem:
    """Porous-medium equation ∂_tρ = Δρ² in the plane from Barenblatt's profile at t0 = 1.

    λ = ρ_0 is the profile itself, and the exact map is a dilation.
    """
    dtype = dtype or torch.float64
    family = make_transform(transform, 2, layers, width=32)
    return Problem(
        PushForward(Barenblatt(2, 2.0, 1.0), family),
        PorousMedium(2.0),
        family.init(Generator().manual_seed(seed), dtype, device),
        t_end=1.0,
        h=0.02,
        samples=2000,
        sampling="matched",
        solver=Minres(tol=1e-12, shift=0.0)
        if transform == "affine"
        else Dense(cutoff=1e-14, shift=1e-7),
        exact=BarenblattSolution(2, 2.0, 1.0),
        name="porous_medium_2d",
    )
