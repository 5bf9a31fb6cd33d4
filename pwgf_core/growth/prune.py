"""Pruning and merging: fewer layers for nearly the same density."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from ..distributed import expectation
from ..errors import (
    check_count,
    check_memory,
    check_positive,
    check_real,
    check_type,
    check_values,
)
from ..initial import fit_initial
from ..model import PushForward
from ..transforms import Compose, Planar, Residual, Transform
from .architecture import units

SIGMAS = 3  # standard errors that a bound allows for the sample that it is measured on


class Pruned(NamedTuple):
    """A smaller model, its θ, the layers kept, and a bound of W2(ρ_θ, ρ_θ′).

    T_θ and T_θ′ of one z couple the two laws, so W2² ≤ E|T_θ − T_θ′|². `w2_bound` is the root of
    its mean on a fresh sample and three standard errors of that mean.
    """

    model: PushForward
    theta: Tensor
    kept: Tensor
    w2_bound: float


def layer_costs(model: PushForward, theta: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """What the removal of each layer costs, E|T − T′|² with the best other u and affine part.

    With the activations held, T is linear in u. For the Gram matrix H of the features (1, y, t) the
    cost is |u_k|²/(H⁻¹)_kk: zero where u_k = 0, and where t_k depends on the other features, as of
    two equal layers. Returns the costs (K,) and the changes of all u that go with them, (K, K, d).
    """
    check_type("model", model, PushForward)
    jacobian = model.transform.jacobian(theta, z)
    _, t = units(jacobian)
    part, p, _ = _growing(model.transform, theta)
    u = part.split(p)[1] if isinstance(part, Planar) else part.split(p)[2].T
    # y of a planar flow is its output: what is affine in its input, z, is left to the others
    source = jacobian.z
    features = torch.cat([t, torch.ones_like(source[:, :1]), source], 1).double()
    gram = expectation(features.T @ features, len(z))
    gram.diagonal().add_(1e-9 * float(gram.diagonal().max()))
    inverse = torch.linalg.inv(gram)[: len(u), : len(u)].to(theta)
    scale = 1 / inverse.diagonal()
    return u.square().sum(1) * scale, -(inverse * scale).T[:, :, None] * u[:, None]


def prune(
    model: PushForward,
    theta: Tensor,
    tol: float,
    generator: Generator,
    samples: int = 2048,
    least: int = 1,
) -> Pruned:
    """Remove layers while W2(ρ_θ, ρ_θ′) stays below `tol`, and refit θ′ to T_θ by least squares.

    The cheapest layer goes first, by `layer_costs`, after which the costs are measured again. Each
    size that halving the interval asks for is refitted, and measured on a sample that the fit has
    not seen: the result has the fewest layers, at least `least`, whose bound is below `tol`, or
    θ itself.

    Raises `ValueError` for settings out of range and maps without layers.

    >>> from pwgf_core import Gaussian, Planar
    >>> model = PushForward(Gaussian(2), Planar(2, 6))
    >>> theta = model.transform.init(Generator().manual_seed(0))  # u = 0
    >>> found = prune(model, theta, 1e-3, Generator().manual_seed(1))
    >>> found.model.transform.layers, found.w2_bound < 1e-6
    (1, True)
    """
    check_type("model", model, PushForward)
    check_real("theta", theta, (model.transform.n_params,))
    check_values("theta", theta)
    check_positive("tol", tol)
    check_type("generator", generator, Generator)
    check_count("samples", samples)
    check_count("least", least)
    reference, transform = model.reference, model.transform
    part, _, _ = _growing(transform, theta)
    layers = part.layers if isinstance(part, Planar) else part.width
    check_memory("samples", samples, float(samples) * (layers + 1 + model.dim))
    z = reference.draw(samples, generator, theta.dtype, reference.samplings[-1])
    sizes = {layers: (model, theta, torch.arange(layers))}
    small, current, kept = model, theta, torch.arange(layers)
    for size in range(layers - 1, least - 1, -1):
        costs, changes = layer_costs(small, current, z)
        k = int(costs.argmin())
        small, current = _without(small, current, k, changes[k])
        kept = torch.cat([kept[:k], kept[k + 1 :]])
        sizes[size] = small, current, kept
    best = Pruned(model, theta, torch.arange(layers), 0.0)
    low, high = least, layers  # sizes from `high` on are good
    while low < high:
        size = (low + high) // 2
        smaller, start, kept = sizes[size]
        fit = fit_initial(smaller, start, lambda z: transform(theta, z), generator, samples)
        z = reference.draw(samples, generator, theta.dtype, reference.samplings[-1])
        bound = _bound(transform(theta, z) - smaller.transform(fit.theta, z))
        if bound <= tol:
            best, high = Pruned(smaller, fit.theta, kept, bound), size
        else:
            low = size + 1
    return best


def _bound(gap: Tensor) -> float:
    """√E|gap|², from above up to `SIGMAS` standard errors of the mean over the sample."""
    squares, n = gap.square().sum(1), len(gap)
    mean = expectation(squares.sum(), n)
    variance = expectation((squares - mean).square().sum(), n)
    return math.sqrt(float(mean + SIGMAS * (variance / n).sqrt()))


def _growing(transform: Transform, theta: Tensor) -> tuple[Planar | Residual, Tensor, Tensor]:
    """The part with the layers, its parameters, and those of the maps that are applied later."""
    if isinstance(transform, Compose):
        last = transform.parts[-1]
        before, p = theta.split([transform.n_params - last.n_params, last.n_params])
        part, p, inner = _growing(last, p)
        return part, p, torch.cat([before, inner])
    if isinstance(transform, (Planar, Residual)):
        return transform, theta, theta[:0]
    raise ValueError(f"transform must end in a Planar or Residual map, got {transform!r}")


def _without(
    model: PushForward, theta: Tensor, k: int, change: Tensor
) -> tuple[PushForward, Tensor]:
    """The model and θ without layer k, the u of the others changed."""
    part, p, before = _growing(model.transform, theta)
    rest = torch.arange(len(change), device=theta.device) != k
    if isinstance(part, Planar):
        w, u, b = part.split(p)
        smaller = Planar(part.dim, part.layers - 1, part.scale, part.spread)
        rows = (w[rest], (u + change)[rest], b[rest])
    else:
        a, c, u, w, b = part.split(p)
        smaller = Residual(part.dim, part.width - 1, part.activation, part.scale)
        rows = (a, c, (u + change.T)[:, rest], w[rest], b[rest])
    theta = torch.cat([before, *(p.reshape(-1) for p in rows)])
    transform = model.transform
    larger = Compose(*transform.parts[:-1], smaller) if isinstance(transform, Compose) else smaller
    return PushForward(model.reference, larger), theta
