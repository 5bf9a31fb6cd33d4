"""A double well on the line."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ..energies import Entropy, Potential
from ..exact import FokkerPlanck1D
from ..linalg import Dense
from ..model import PushForward
from ..reference import Gaussian
from ..state import Problem
from .families import make_transform


def double_well_1d(
    transform: str = "residual",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Problem:
    """Fokker–Planck equation on the line with V(x) = (x² − 1)²/4 and D = 1/4, from N(0, 1)."""
    dtype = dtype or torch.float64

    def well(x: Tensor) -> Tensor:
        return (x * x - 1) ** 2 / 4

    exact = FokkerPlanck1D(well, lambda x: torch.exp(-x * x / 2), (-8, 8), diffusion=0.25)
    family = make_transform(transform, 1, layers, width=24)
    return Problem(
        PushForward(Gaussian(1), family),
        Potential(lambda x: well(x).sum(1)) + 0.25 * Entropy(),
        family.init(Generator().manual_seed(seed), dtype, device),
        t_end=2.0,
        h=0.005,
        samples=1000,
        sampling="matched",
        solver=Dense(cutoff=1e-14, shift=1e-6),
        exact=exact,
        name="double_well_1d",
    )
