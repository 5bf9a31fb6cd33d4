"""Fokker–Planck equations with a quadratic potential."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..energies import Entropy, Potential
from ..errors import check_positive, check_real
from ..exact import OrnsteinUhlenbeck
from ..linalg import Minres
from ..model import PushForward
from ..reference import Gaussian
from ..state import Problem
from .families import first_theta, make_transform

FAMILIES = ("planar", "affine", "affine-planar")


def ornstein_uhlenbeck(
    transform: str = "planar",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    *,
    mean: Tensor | None = None,
    covariance: Tensor | None = None,
    diffusion: float = 1.0,
) -> Problem:
    """Fokker–Planck equation with V = ½(x − μ)ᵀΣ⁻¹(x − μ) for any μ, Σ and D, ρ_0 = N(0, I).

    By default D = 1, μ = (1, 1) and Σ has variances 1 and 1/2 and correlation 0.6. The planar flow
    starts from frames of length 0.2 along the axes of Σ, because the exact map is affine: K = 8d
    layers, or 4d below an affine head.
    """
    mu = torch.ones(2) if mean is None else mean
    check_real("mean", mu, (None,))
    check_positive("diffusion", diffusion)
    if covariance is None:
        c = 0.6 * 0.5**0.5
        covariance = torch.tensor([[1.0, c], [c, 0.5]]) if mean is None else torch.eye(len(mu))
    exact = OrnsteinUhlenbeck(mu, covariance, diffusion)
    dim, dtype = len(mu), dtype or torch.float64
    frame = torch.linalg.eigh(exact.precision).eigenvectors.T
    family = make_transform(
        transform, dim, layers, allowed=FAMILIES, scale=0.2, spread=0.3, frame=frame
    )
    potential = Potential.quadratic(exact.mu.to(device, dtype), exact.precision.to(device, dtype))
    return Problem(
        PushForward(Gaussian(dim), family),
        potential + diffusion * Entropy(),
        first_theta(family, seed, dtype, device),
        t_end=1.0,
        h=0.02,
        samples=2000,
        sampling="matched",
        solver=Minres(tol=1e-12, shift=0.0) if transform == "affine" else Minres(),
        exact=exact,
        name="ornstein_uhlenbeck",
    )


def ornstein_uhlenbeck_10d(
    transform: str = "planar",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    *,
    diffusion: float = 1.0,
) -> Problem:
    """Fokker–Planck equation with the quadratic potential of the slides' ten-dimensional example.

    V = ½(x − μ)ᵀΣ⁻¹(x − μ), Σ = diag(Σ_A, I₂, Σ_B, I₂, Σ_C), D = `diffusion`, ρ_0 = N(0, I).
    Planar flows run in single precision by default, the affine map, which is exact, in double.
    """
    a = torch.tensor([[5 / 8, -3 / 8], [-3 / 8, 5 / 8]])
    eye = torch.eye(2)
    sigma = torch.block_diag(a, eye, torch.diag(torch.tensor([1.0, 0.25])), eye, 0.25 * eye)
    mu = torch.tensor([1.0, 1, 0, 0, 1, 2, 0, 0, 2, 3])
    dtype = dtype or (torch.float64 if transform == "affine" else torch.float32)
    general = ornstein_uhlenbeck(
        transform, layers, seed, dtype, device, mean=mu, covariance=sigma, diffusion=diffusion
    )
    return replace(general, t_end=2.0, h=0.01, samples=4000, name="ornstein_uhlenbeck_10d")
