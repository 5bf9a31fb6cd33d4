"""The thirty-dimensional Fokker–Planck equation of the slides."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ..energies import Entropy, Potential
from ..errors import check_choice, check_count
from ..exact import FokkerPlanck1D, Separable
from ..linalg import Minres
from ..model import PushForward
from ..reference import Gaussian
from ..state import Problem
from .families import first_theta, make_transform, own_frame

FAMILIES = ("planar", "affine", "affine-planar")
FRAMES = ("own", "axes", "random")


def well(x: Tensor) -> Tensor:
    """V(x) = (x⁴ − 16x² + 5x)/50, entry by entry."""
    return (x**4 - 16 * x**2 + 5 * x) / 50


def random_rotation(dim: int, seed: int) -> Tensor:
    """A random orthogonal matrix (d, d), uniformly distributed."""
    check_count("rotate", seed, 0)
    noise = torch.randn(dim, dim, generator=Generator().manual_seed(seed), dtype=torch.float64)
    q, r = torch.linalg.qr(noise)
    return q * torch.sign(torch.diagonal(r))


def rotated_wells(turn: Tensor) -> Potential:
    """V(x) = Σ_i (y_i⁴ − 16y_i² + 5y_i)/50 with y = Qx, Q = `turn` of shape (d, d)."""

    def gradient(x: Tensor) -> Tensor:
        y = x @ turn.T
        return (4 * y**3 - 32 * y + 5) / 50 @ turn

    def hessian(x: Tensor) -> Tensor:
        y = x @ turn.T
        return torch.einsum("ki,nk,kj->nij", turn, (12 * y**2 - 32) / 50, turn)

    return Potential(lambda x: well(x @ turn.T).sum(1), gradient, hessian)


def styblinski_tang_30d(
    transform: str = "affine-planar",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    *,
    rotate: int | None = None,
    frame: str = "own",
) -> Problem:
    """Fokker–Planck equation in thirty dimensions, V(x) = Σ_i (y_i⁴ − 16y_i² + 5y_i)/50, y = Qx.

    D = 1, ρ_0 = N(0, I), Q the identity, or a random rotation of seed `rotate`. The exact law is
    a product of thirty flows on the line. The planar layers start in the problem's `own` frame,
    the eigenvectors of ∇²V at a sample point drawn from `seed`: Q is not told to the model. For
    comparison, `frame` may also be the `axes` of x or one `random` frame.
    """
    check_choice("frame", frame, FRAMES)
    dim, dtype = 30, dtype or torch.float32
    eye = torch.eye(dim, dtype=torch.float64)
    turn = eye if rotate is None else random_rotation(dim, rotate)
    first = {"own": own_frame(rotated_wells(turn), seed, dim), "axes": eye, "random": None}[frame]
    family = make_transform(transform, dim, layers, allowed=FAMILIES, frame=first)
    law = FokkerPlanck1D(well, lambda x: torch.exp(-(x**2) / 2), (-10, 10))
    return Problem(
        PushForward(Gaussian(dim), family),
        rotated_wells(turn.to(device, dtype)) + Entropy(),
        first_theta(family, seed, dtype, device),
        t_end=1.8,
        h=0.05,
        samples=1000,
        sampling="matched",
        solver=Minres(tol=5e-4),
        exact=Separable([law] * dim, turn),
        name="styblinski_tang_30d",
    )
