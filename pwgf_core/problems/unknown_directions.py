"""Problems whose directions nobody tells: shells in rotated blocks, and Gaussian mixtures."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ..energies import Entropy, Potential
from ..errors import (
    check_count,
    check_device,
    check_draw,
    check_dtype,
    check_memory,
    check_points,
    check_values,
)
from ..exact import RadialBlocks
from ..linalg import Minres
from ..model import PushForward
from ..reference import Gaussian
from ..state import Problem
from .families import first_theta, make_transform
from .styblinski_tang import random_rotation

FAMILIES = ("planar", "affine", "affine-planar")
SHELLS = ((9.0, 24.0), (1.0, 16.0))  # a, c of U(r) = (r² − a)²/c
SIZE, DIM = 5, 10


def shells_10d(
    transform: str = "affine-planar",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    *,
    rotate: int | None = None,
) -> Problem:
    """Fokker–Planck equation with V(x) = (|y₁|² − 9)²/24 + (|y₂|² − 1)²/16, Qx = (y₁, y₂) ∈ R⁵×R⁵.

    D = 1, ρ_0 = N(0, I), Q the identity or a random rotation of seed `rotate`. V is not separable
    in any coordinates: within a block all of them are coupled. The exact law comes from the two
    radii (`RadialBlocks`).
    """
    dtype = dtype or torch.float64
    check_dtype("dtype", dtype)
    check_device("device", device)
    turn = torch.eye(DIM, dtype=torch.float64) if rotate is None else random_rotation(DIM, rotate)
    family = make_transform(transform, DIM, layers, allowed=FAMILIES)
    q = turn.to(device, dtype)

    def excess(x: Tensor) -> tuple[Tensor, Tensor]:
        y = (x @ q.T).unflatten(1, (2, SIZE))
        a, c = torch.tensor(SHELLS, dtype=x.dtype, device=x.device).T
        return y, (y.square().sum(2) - a) / c.sqrt()

    def gradient(x: Tensor) -> Tensor:
        y, e = excess(x)
        roots = torch.tensor([4 / math.sqrt(c) for _, c in SHELLS], dtype=x.dtype, device=x.device)
        return ((roots * e)[:, :, None] * y).flatten(1) @ q

    radial = [lambda r, a=a, c=c: (r * r - a) ** 2 / c for a, c in SHELLS]
    return Problem(
        PushForward(Gaussian(DIM), family),
        Potential(lambda x: excess(x)[1].square().sum(1), gradient) + Entropy(),
        first_theta(family, seed, dtype, device),
        t_end=1.0,
        h=0.05,
        samples=2000,
        sampling="matched",
        solver=Minres(tol=5e-4),
        exact=RadialBlocks(radial, [SIZE, SIZE], turn),
        name="shells_10d",
    )


class Mixture:
    """Σ_k N(c_k, I)/K with the rows c_k of `centres`, shape (K, d).

    >>> law = Mixture(torch.zeros(3, 2))
    >>> round(float(law.log_prob(torch.zeros(1, 2))), 4)  # −log 2π
    -1.8379
    """

    def __init__(self, centres: Tensor) -> None:
        check_points("centres", centres)
        check_values("centres", centres)
        self.centres = centres

    def _logits(self, x: Tensor) -> Tensor:
        check_points("x", x, self.centres.shape[1])
        return -0.5 * (x[:, None] - self.centres.to(x)).square().sum(2)

    def log_prob(self, x: Tensor) -> Tensor:
        """log density, (n, d) → (n,)."""
        k, d = self.centres.shape
        return self._logits(x).logsumexp(1) - math.log(k) - d / 2 * math.log(2 * math.pi)

    def score(self, x: Tensor) -> Tensor:
        """∇ log density, (n, d) → (n, d)."""
        return self._logits(x).softmax(1) @ self.centres.to(x) - x

    def sample(self, n: int, generator: Generator) -> Tensor:
        """`n` independent points, shape (n, d), in the dtype of the centres."""
        k, d = self.centres.shape
        check_draw(n, d, generator, self.centres.dtype)
        which = torch.randint(k, (n,), generator=generator)
        noise = torch.randn(n, d, generator=generator, dtype=torch.float64)
        return self.centres[which] + noise.to(self.centres)


def mixture_target(dim: int, draw: int) -> Mixture:
    """4 + d/2 centres, drawn uniformly from [−5, 5]^d with the seed `draw`."""
    check_count("dim", dim)
    check_count("draw", draw, 0)
    check_memory("dim", dim, (4 + dim // 2) * dim)
    generator = Generator().manual_seed(draw)
    centres = torch.rand(4 + dim // 2, dim, generator=generator, dtype=torch.float64)
    return Mixture(10 * centres - 5)


def gaussian_mixture(
    transform: str = "affine-planar",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    *,
    dim: int = 2,
    draw: int = 0,
) -> Problem:
    """Fokker–Planck equation to a mixture of 4 + d/2 Gaussians N(c_k, I) from N(0, 16 I), D = 1.

    The centres are uniform in [−5, 5]^d with the seed `draw` (Mokrov et al. 2021 have 5, 6 and 7
    of them for d = 2, 4, 6). V = −log of the target, so that F is the divergence KL(ρ‖ρ*) itself.
    There is no exact solution to compare with.
    """
    dtype = dtype or torch.float64
    check_dtype("dtype", dtype)
    check_device("device", device)
    target = mixture_target(dim, draw)
    family = make_transform(transform, dim, layers, allowed=("affine", "affine-planar"))
    theta0 = first_theta(family, seed, torch.float64)
    theta0[: dim * dim] *= 4  # the matrix of the affine map comes first
    return Problem(
        PushForward(Gaussian(dim), family),
        Potential(lambda x: -target.log_prob(x), lambda x: -target.score(x)) + Entropy(),
        theta0.to(device, dtype),
        t_end=4.0,
        h=0.05,
        samples=2000,
        sampling="matched",
        solver=Minres(tol=5e-4),
        name="gaussian_mixture",
    )
