"""Gaussian mixtures: runs to them, and what the equation itself has reached by then.

In the plane a grid gives the exact law. In more dimensions a lower bound of its divergence from
the mixture is left: Langevin particles are counted in the cells of the centres.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.interpolate import RegularGridInterpolator
from scipy.sparse import csc_array, csr_array, diags_array, eye_array, kron
from scipy.sparse.linalg import splu
from scipy.special import exprel
from torch import Generator, Tensor

from pwgf_core import Explicit, Growth, evaluation_cloud, evolve, grown, kl
from pwgf_core.problems import gaussian_mixture, mixture_target
from pwgf_core.problems.unknown_directions import Mixture
from rivals import langevin

TIME, SPREAD = 4.0, 4.0  # as published: ρ_0 = N(0, 16 I)
HALF_WIDTH, CELLS, DT = 20.0, 200, 0.02
PARTICLES, DRIFTS = 50_000, 200


def on_grid(target: Mixture, t: float) -> tuple[Tensor, Tensor]:
    """Cell centres (n², 2) and log ρ_t there, shape (n², ), of ∂_tρ = ∇·(ρ∇V) + Δρ in the plane.

    Scharfetter–Gummel fluxes and backward Euler steps: ρ stays positive and keeps its mass.
    """
    axis = torch.linspace(-HALF_WIDTH, HALF_WIDTH, 2 * CELLS + 1, dtype=torch.float64)[1::2]
    dx, points = 2 * HALF_WIDTH / CELLS, torch.cartesian_prod(axis, axis)
    potential = -target.log_prob(points).numpy()
    one = csr_array(eye_array(CELLS))
    line = one[1:] - one[:-1]
    generator = csc_array((CELLS**2, CELLS**2))
    for edges in (kron(line, one, "csc"), kron(one, line, "csc")):
        left, right, rise = (abs(edges) - edges) / 2, (abs(edges) + edges) / 2, edges @ potential
        flux = diags_array(1 / exprel(rise)) @ left - diags_array(1 / exprel(-rise)) @ right
        generator += edges.T @ flux / dx**2
    steps = round(t / DT)
    solve = splu((eye_array(CELLS**2) - t / steps * generator).tocsc()).solve
    rho = np.exp(-0.5 * points.square().sum(1).numpy() / SPREAD**2)
    rho /= rho.sum() * dx * dx
    for _ in range(steps):
        rho = solve(rho)
    return points, torch.from_numpy(rho).clamp_min(1e-300).log()


def exact_case(dim: int, draw: int) -> dict[str, Any]:
    """Both divergences of ρ_t from the mixture at t = 4: in the plane, and bounds of them above.

    By the data processing inequality the divergences of two laws are at least those of the masses
    that they give to the cells of the centres.
    """
    target = mixture_target(dim, draw)
    if dim == 2:
        points, log_rho = on_grid(target, TIME)
        log_p = target.log_prob(points)
        mass, other = log_rho.softmax(0), log_p.softmax(0)
        gap = log_rho - log_p
        there, back = float(mass @ gap), -float(other @ gap)
    else:
        generator = Generator().manual_seed(draw)
        x = SPREAD * torch.randn(PARTICLES, dim, generator=generator, dtype=torch.float64)
        x = langevin(lambda x: -target.score(x), x, TIME, DRIFTS, 1.0, generator)
        y = target.sample(PARTICLES, generator)
        p, q = (_shares(points, target.centres) for points in (x, y))
        there, back = float(p @ (p / q).log()), float(q @ (q / p).log())
    return {"kl": there, "kl_back": back, "symmetric_kl": there + back}


def _shares(x: Tensor, centres: Tensor) -> Tensor:
    """The parts of the points that are nearest to each centre."""
    nearest = torch.cdist(x, centres).argmin(1)
    return torch.bincount(nearest, minlength=len(centres)) / float(len(x))


def mixture_case(
    dim: int,
    draw: int,
    layers: int | None = None,
    growth: dict[str, Any] | None = None,
    h: float = 0.05,
    samples: int = 2000,
    n: int = 20000,
) -> dict[str, Any]:
    """One run: both divergences from the mixture at t = 4, its seconds, in the plane KL(ρ_θ‖ρ_t).

    `layers` are those of a fixed map, `growth` the arguments of `Growth`; without both it is
    `exact_case`.
    """
    if layers is None and growth is None:
        return exact_case(dim, draw)
    start = gaussian_mixture("affine" if growth else "affine-planar", layers, dim=dim, draw=draw)
    plan = Growth(**growth) if growth else None
    scheme = Explicit(h, start.method)
    run = evolve(start, scheme, samples=samples, record=1, progress=False, growth=plan)
    end = grown(start, run.growths, run.thetas[0])
    theta, target = run.thetas[-1], mixture_target(dim, draw)
    cloud = evaluation_cloud(end, theta, n)
    y = target.sample(n, Generator().manual_seed(draw + 1))
    there = kl(cloud.x, cloud.log_rho, target.log_prob)
    back = kl(y, target.log_prob, lambda x: end.model.log_prob(theta, x))
    figures = {
        "status": run.status,
        "layers": sum(g["layers"] for g in run.growths) if growth else layers,
        "kl": there,
        "kl_back": back,
        "symmetric_kl": there + back,
        "seconds": run.seconds,
    }
    if dim == 2:
        points, log_rho = on_grid(target, TIME)
        axis = points[:CELLS, 1].numpy()
        look = RegularGridInterpolator((axis, axis), log_rho.view(CELLS, CELLS).numpy(), "cubic")
        inside = cloud.x.clamp(float(axis[0]), float(axis[-1])).numpy()
        log_exact = torch.from_numpy(look(inside))
        figures["kl_exact"] = kl(cloud.x, cloud.log_rho, lambda x: log_exact)
    return figures
