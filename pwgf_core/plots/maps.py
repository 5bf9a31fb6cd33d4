"""Maps of the plane and of the line, and the densities that they make."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ..model import PushForward
from .base import EXACT, MODEL, OTHER, figure


def bent_grid(
    model: PushForward,
    theta: Tensor,
    title: str,
    limit: float = 4.5,
    top: float = 0.25,
    particles: Tensor | None = None,
) -> Figure:
    """The image of a square grid under T_θ in the plane, and the density ρ_θ.

    The grid's lines are z_1 and z_2 = −3, −2.5, …, 3; `particles` (n, 2) are points z whose images
    are drawn too. The shades of ρ_θ end at `top`, the axes at ± `limit`.
    """
    fig, (left, right) = figure(2, width=3.5, height=3.6)
    along = torch.linspace(-3, 3, 121, dtype=theta.dtype)
    for offset in torch.linspace(-3, 3, 13, dtype=theta.dtype):
        across = torch.full_like(along, float(offset))
        for line, colour in (
            (torch.stack([across, along], 1), MODEL),
            (torch.stack([along, across], 1), OTHER),
        ):
            x = model.transform(theta, line)
            left.plot(x[:, 0], x[:, 1], color=colour, lw=0.8)
    if particles is not None:
        x = model.transform(theta, particles)
        left.plot(x[:, 0], x[:, 1], "o", color=EXACT, ms=4, zorder=3)
    places = torch.linspace(-5, 5, 101, dtype=theta.dtype)
    cloud = model.cloud(theta, torch.cartesian_prod(places, places))  # no inverse is needed
    x1, x2, rho = (a.reshape(101, 101) for a in (*cloud.x.T, cloud.log_rho.exp()))
    shades = right.pcolormesh(
        x1, x2, rho, cmap="Blues", vmin=0, vmax=top, shading="gouraud", rasterized=True
    )
    fig.colorbar(shades, ax=right, shrink=0.75, extend="max")
    left.set(title="the grid under $T_θ$")
    right.set(title="density $ρ_θ$")
    for axis in (left, right):
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="$x_1$", ylabel="$x_2$")
        axis.set_aspect("equal")
    fig.suptitle(title, fontsize=11)
    return fig


def folds(
    z: Tensor,
    maps: Mapping[str, Tensor],
    x: Tensor,
    densities: Mapping[str, Tensor],
    samples: Tensor,
    top: float = 1.0,
) -> Figure:
    """Maps of the line on the left; on the right densities over x, and a histogram of samples.

    `maps` holds T(z) at the points z, `densities` ρ(x) at the points x, all of shape (n,). The
    axis of the densities ends at `top`.
    """
    fig, (left, right) = figure(2, width=3.8, height=3.2)
    looks = [(MODEL, "-"), (OTHER, "-."), (EXACT, "--")]
    for (name, value), (colour, line) in zip(maps.items(), looks, strict=False):
        left.plot(z, value, line, color=colour, lw=1.8, label=name)
    limits = (float(x[0]), float(x[-1]))
    right.hist(
        samples, np.linspace(*limits, 61).tolist(), density=True, color="#CCCCCC", label="samples"
    )
    for (name, rho), (colour, line) in zip(densities.items(), looks, strict=False):
        right.plot(x, rho, line, color=colour, lw=1.8, label=name)
    left.set(xlabel="$z$", ylabel="$x = T(z)$", xlim=(float(z[0]), float(z[-1])))
    right.set(xlabel="$x$", ylabel="density", xlim=limits, ylim=(0, top))
    for axis in (left, right):
        axis.legend(fontsize=8)
    return fig
