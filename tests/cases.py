"""The lists of cases: a new transform, energy or problem is one line here."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.func import jacfwd, vmap

from pwgf_core import (
    PROBLEMS,
    Affine,
    Basis,
    Bumps,
    Compose,
    Energy,
    Entropy,
    Fourier,
    FromModule,
    Interaction,
    NeuralODE,
    Planar,
    Polynomials,
    Potential,
    QuarticInteraction,
    Residual,
    Ridges,
    Transform,
    TwoLayerReLU,
)


class Family(NamedTuple):
    """A transform, and the dimension of its tangent space at the first θ: the rank of J there.

    `onto` says whether T_θ is a smooth one-to-one map onto R^d at `random_theta`; `rounding` is
    the distance of the first map from the identity.
    """

    transform: Transform
    rank: int
    onto: bool = True
    rounding: float = 0.0

    def __repr__(self) -> str:
        return repr(self.transform)


class Shifted(nn.Module):
    """z + a perceptron with one hidden layer whose last layer starts at zero."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # torch.nn draws from the global generator
            torch.manual_seed(0)
            self.inner, self.outer = nn.Linear(dim, width), nn.Linear(width, dim)
        for parameter in self.outer.parameters():
            nn.init.zeros_(parameter)

    def forward(self, z: Tensor) -> Tensor:
        return z + self.outer(torch.tanh(self.inner(z)))


def waves(z: Tensor) -> Tensor:
    """Gradients of sin(w_k·z), as a user would write them: (n, 2) → (n, 2, 3)."""
    w = torch.tensor([[1.0, 0.0], [0.5, -1.0], [0.2, 0.7]]).to(z)
    return (torch.cos(z @ w.T)[:, :, None] * w).transpose(1, 2)


RIDGES = Ridges(torch.tensor([[1.0, 0.5], [0.0, 1.5], [-1.0, 1.0]]), torch.tensor([0.0, 0.5, 1.0]))
CENTRES = torch.tensor([[0.0, 0.0], [1.0, -1.0], [-0.5, 1.0], [1.5, 1.0]])

# Affine, basis: every parameter counts. Planar at u = 0: only u moves the map, d directions for
# each of the K functions tanh(w·z + b). Residual, neural ODE: these and the affine maps. Shifted:
# these and the translations. Two-layer ReLU: the ramps, 1 and z, and the steps unless kinks
# are shared. Composed at the
# identity: the sum of the tangent spaces.
FAMILIES = [
    Family(Affine(1), 2),
    Family(Affine(3), 12),
    Family(Affine(3, "triangular"), 9),
    Family(Affine(3, "diagonal"), 6),
    Family(Affine(3, "translation"), 3),
    Family(Planar(1, 1), 1),
    Family(Planar(1, 6), 6),
    Family(Planar(3, 1), 3),
    Family(Planar(4, 4), 16),
    Family(Planar(2, 7), 14),
    Family(Planar(5, 9), 45),
    Family(Residual(1, 4), 6),
    Family(Residual(2, 9), 24),
    Family(Residual(3, 2, "relu"), 18, onto=False),
    Family(TwoLayerReLU(1), 4, onto=False, rounding=1e-15),
    Family(TwoLayerReLU(5, spread=1.5), 12, onto=False, rounding=1e-15),
    Family(TwoLayerReLU(5, shared=True), 7, onto=False, rounding=1e-15),
    Family(Basis(1, Polynomials(1, 3)), 4, onto=False),
    Family(Basis(3, Polynomials(3, 2)), 30, onto=False),
    Family(Basis(1, Fourier(1, 2, length=8.0)), 5),
    Family(Basis(2, Bumps(CENTRES, 0.8)), 8),
    Family(Basis(2, RIDGES), 6),
    Family(Basis(2, waves), 3),
    Family(FromModule(Shifted(2, 5), 2), 12),
    Family(NeuralODE(1, 3), 5),
    Family(NeuralODE(2, 6, steps=4), 18),
    Family(Compose(Affine(1), Planar(1, 5)), 7),
    Family(Compose(Affine(2), Planar(2, 6)), 18),
    Family(Compose(Planar(2, 5), Affine(2, "triangular")), 15),
    Family(Compose(Affine(3, "triangular"), Planar(3, 6), Affine(3, "diagonal")), 27),
]
TRANSFORMS = [family.transform for family in FAMILIES]
DIFFEOMORPHISMS = [family.transform for family in FAMILIES if family.onto]

# Energies on R^d for any d.
ENERGIES: dict[str, Energy] = {
    "quadratic": Potential(lambda x: 0.5 * ((x - 1) ** 2).sum(1)),
    "quartic": Potential(lambda x: (0.25 * x**4 - 0.5 * x**2 + 0.2 * x).sum(1)),
    "entropy": Entropy(),
    "fokker_planck": Potential(lambda x: torch.cosh(x).sum(1)) + 0.5 * Entropy(),
    "interaction": Potential(lambda x: (0.1 * x**2).sum(1))
    + Interaction(lambda y: torch.exp(-0.5 * (y * y).sum(1))),
    "aggregation": Potential(lambda x: (0.1 * x**2).sum(1)) + QuarticInteraction(),
}

PROBLEM_NAMES = sorted(PROBLEMS)


def random_theta(
    transform: Transform, generator: Generator, dtype: torch.dtype = torch.float64
) -> Tensor:
    """A θ away from the identity at which the map is invertible."""
    if isinstance(transform, Compose):
        return torch.cat([random_theta(p, generator, dtype) for p in transform.parts])
    theta = transform.init(generator).double()
    noise = 0.3 * torch.randn(len(theta), generator=generator, dtype=torch.float64)
    if isinstance(transform, (Basis, FromModule)):
        noise *= contracting(transform, theta, noise)
    theta = theta + noise
    if isinstance(transform, Planar):
        w, u, b = transform.split(theta)
        theta = torch.cat([w.reshape(-1), invertible(w, u).reshape(-1), b])
    if isinstance(transform, Residual):
        a, c, u, w, b = transform.split(theta)
        u = 0.9 * u / (torch.linalg.inv(a) @ u).norm() / w.norm()  # |A⁻¹ U| |σ′| |W| < 1
        theta = torch.cat([a.reshape(-1), c, u.reshape(-1), w.reshape(-1), b])
    if isinstance(transform, TwoLayerReLU):
        a, b, a2, b2 = transform.split(theta)
        # increasing everywhere: each pair of half lines covers R
        parts = [a.abs() + 0.1, torch.minimum(b, b2), -a2.abs() - 0.1, b2]
        theta = torch.cat(parts[: 3 if transform.shared else 4])
    return theta.to(dtype)


def contracting(transform: Transform, theta: Tensor, noise: Tensor) -> float:
    """A factor of the noise that keeps DT within 0.9 of the identity on a wide sample."""
    z = 3 * normal(Generator().manual_seed(0), 500, transform.dim)
    factor = 1.0
    while True:
        moved = theta + factor * noise
        d_x = vmap(jacfwd(lambda p, moved=moved: transform(moved, p[None])[0]))(z)
        gap = torch.linalg.matrix_norm(d_x - torch.eye(transform.dim).double())
        if float(gap.max()) < 0.9:
            return factor
        factor /= 2


def invertible(w: Tensor, u: Tensor, smallest: float = -0.9) -> Tensor:
    """u, moved along w where needed so that every w_k·u_k is at least `smallest`."""
    wu = (w * u).sum(1, keepdim=True)
    return u + (wu.clamp(min=smallest) - wu) * w / (w * w).sum(1, keepdim=True)


def normal(generator: Generator, *shape: int) -> Tensor:
    """Standard normal numbers in double precision."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def relative_gap(a: Tensor, b: Tensor) -> float:
    """|a − b| / |b|, with 1 instead of |b| where b = 0."""
    assert a.shape == b.shape
    norm = float(torch.linalg.vector_norm(b))
    return float(torch.linalg.vector_norm(a - b)) / (norm or 1.0)
