"""The transforms that problems offer by name."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Generator, Tensor

from ..energies import Energy
from ..errors import check_choice, check_count, check_memory
from ..linalg import Dense, LinearSolver, Minres
from ..model import Cloud
from ..transforms import Affine, Compose, Planar, Residual, Transform, TwoLayerReLU

TRANSFORMS = ("planar", "affine", "affine-planar", "residual", "relu")


def make_transform(
    name: str,
    dim: int,
    layers: int | None,
    *,
    allowed: Collection[str] = TRANSFORMS,
    scale: float = 1.0,
    spread: float = 1.5,
    frame: Tensor | None = None,
    width: int = 64,
    kinks: float = 3.0,
) -> Transform:
    """The named transform with K = `layers` layers or hidden units.

    `planar` (K = 8d by default), `affine`, `affine-planar` (affine ∘ planar, K = 4d), `residual`
    (K = `width`) or, for d = 1, `relu` (K = 32 shared kinks on ± `kinks`). Raises `ValueError` for
    a name that is not `allowed`.
    """
    allowed = [n for n in allowed if n != "relu" or dim == 1]
    check_choice("transform", name, allowed)
    if layers is not None:
        check_count("layers", layers)
        flow = name in ("planar", "affine-planar")
        check_memory("layers", layers, float(layers) * (layers if flow else 2 * dim + 1))
    if name == "affine":
        return Affine(dim)
    if name == "residual":
        return Residual(dim, width if layers is None else layers)
    if name == "relu":
        return TwoLayerReLU(32 if layers is None else layers, kinks, shared=True)
    default = (8 if name == "planar" else 4) * dim
    planar = Planar(dim, default if layers is None else layers, scale, spread, frame)
    return planar if name == "planar" else Compose(Affine(dim), planar)


def first_theta(
    family: Transform, seed: int, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> Tensor:
    """The θ that the family starts from, drawn from `seed`."""
    check_count("seed", seed, 0)
    return family.init(Generator().manual_seed(seed), dtype, device)


def small_solver(transform: str, shift: float) -> LinearSolver:
    """For few parameters: MINRES to the end for affine maps, where Ĝ is regular; else dense."""
    if transform == "affine":
        return Minres(tol=1e-12, shift=0.0)
    return Dense(cutoff=1e-14, shift=shift)


def own_frame(energy: Energy, seed: int, dim: int) -> Tensor:
    """The eigenvectors of ∇²V at a point drawn from N(0, I), as rows: a problem's own axes.

    For a potential that is separable in any rotated coordinates these are the coordinate axes,
    wherever the second derivatives differ.
    """
    check_count("seed", seed, 0)
    x = torch.randn(1, dim, generator=Generator().manual_seed(seed), dtype=torch.float64)
    return torch.linalg.eigh(energy.hessian(Cloud(x))[0]).eigenvectors.T.contiguous()
