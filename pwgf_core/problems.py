"""The book's problems, by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from .energies import Entropy, Potential
from .errors import check_choice
from .exact import OrnsteinUhlenbeck
from .linalg import Minres
from .model import PushForward
from .reference import Gaussian
from .state import Problem
from .transforms import Affine, Compose, Planar, Transform

TRANSFORMS = ("planar", "affine", "affine-planar")


def make_transform(
    name: str, dim: int, layers: int, *, scale: float, spread: float, frame: Tensor | None
) -> Transform:
    """The named transform: `planar`, `affine` or `affine-planar` (affine ∘ planar)."""
    check_choice("transform", name, TRANSFORMS)
    if name == "affine":
        return Affine(dim)
    planar = Planar(dim, layers, scale, spread, frame)
    return planar if name == "planar" else Compose(Affine(dim), planar)


def ornstein_uhlenbeck_10d(
    transform: str = "planar",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Problem:
    """Fokker–Planck equation with the quadratic potential of the slides' ten-dimensional example.

    V = ½(x − μ)ᵀΣ⁻¹(x − μ), Σ = diag(Σ_A, I₂, Σ_B, I₂, Σ_C), D = 1, ρ_0 = N(0, I).
    The planar flow starts from frames of length 0.2, because the exact map is affine: K = 8d
    layers, or 4d below an affine head. Planar flows run in single precision by default, the
    affine map, which is exact, in double.
    """
    dtype = dtype or (torch.float64 if transform == "affine" else torch.float32)
    a = torch.tensor([[5 / 8, -3 / 8], [-3 / 8, 5 / 8]])
    eye = torch.eye(2)
    sigma = torch.block_diag(a, eye, torch.diag(torch.tensor([1.0, 0.25])), eye, 0.25 * eye)
    mu = torch.tensor([1.0, 1, 0, 0, 1, 2, 0, 0, 2, 3])
    exact = OrnsteinUhlenbeck(mu, sigma)
    dim = len(mu)
    frame = torch.linalg.eigh(exact.precision).eigenvectors.T
    k = layers if layers is not None else (8 if transform == "planar" else 4) * dim
    family = make_transform(transform, dim, k, scale=0.2, spread=0.3, frame=frame)
    potential = Potential.quadratic(exact.mu.to(device, dtype), exact.precision.to(device, dtype))
    return Problem(
        PushForward(Gaussian(dim), family),
        potential + Entropy(),
        family.init(Generator().manual_seed(seed), dtype, device),
        t_end=2.0,
        h=0.01,
        samples=4000,
        sampling="matched" if transform == "affine" else "random",
        solver=Minres(tol=1e-12, shift=0.0) if transform == "affine" else Minres(),
        exact=exact,
        name="ornstein_uhlenbeck_10d",
    )


PROBLEMS: dict[str, Callable[..., Problem]] = {
    "ornstein_uhlenbeck_10d": ornstein_uhlenbeck_10d,
}


def problem(name: str, **options: object) -> Problem:
    """The problem of that name; options are those of its function.

    Raises `ValueError` for an unknown name.

    >>> problem("ornstein_uhlenbeck_10d").model.transform
    Planar(10, 80, scale=0.2, spread=0.3)
    """
    check_choice("problem", name, PROBLEMS)
    return PROBLEMS[name](**options)
