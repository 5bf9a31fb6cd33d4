"""The heat equation."""

from __future__ import annotations

import torch

from ..energies import Entropy
from ..exact import LinearDrift
from ..model import PushForward
from ..reference import Gaussian
from ..state import Problem
from .families import first_theta, make_transform, small_solver


def heat(
    transform: str = "affine",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Problem:
    """Heat equation ∂_tρ = Δρ in the plane from N(0, I): V = 0, D = 1, ρ_t = N(0, (1 + 2t) I).

    The exact map is the dilation by √(1 + 2t), and there is no equilibrium.
    """
    dtype = dtype or torch.float64
    family = make_transform(transform, 2, layers, scale=0.2, spread=0.3, width=32)
    return Problem(
        PushForward(Gaussian(2), family),
        Entropy(),
        first_theta(family, seed, dtype, device),
        t_end=1.0,
        h=0.02,
        samples=2000,
        sampling="matched",
        solver=small_solver(transform, 1e-7),
        exact=LinearDrift(torch.zeros(2), torch.zeros(2, 2)),
        name="heat",
    )
