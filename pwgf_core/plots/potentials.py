"""Samples in the landscape of a potential."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from .base import EXACT, MODEL, figure


def landscapes(
    samples: Mapping[str, Tensor],
    potential: Callable[[Tensor], Tensor],
    limits: tuple[tuple[float, float], tuple[float, float]] = ((-3, 3), (-3, 3)),
    levels: tuple[float, ...] = (0.5, 1, 2, 4, 8),
) -> Figure:
    """One panel per sample (n, 2), over the level lines V = min V + `levels`.

    `potential` maps points (n, 2) to V, shape (n,). Where V = D·level the Gibbs density has fallen
    to e^−level of its maximum.
    """
    fig, axes = figure(len(samples))
    x = torch.linspace(*limits[0], 121, dtype=torch.float64)
    y = torch.linspace(*limits[1], 121, dtype=torch.float64)
    grid = torch.cartesian_prod(x, y)
    height = potential(grid).reshape(len(x), len(y)).T
    for axis, (title, points) in zip(axes, samples.items(), strict=True):
        data = points.detach().cpu()
        axis.plot(data[:, 0], data[:, 1], ".", color=MODEL, ms=2, alpha=0.5, label="samples")
        axis.contour(x, y, height - height.min(), levels=levels, colors=EXACT, linewidths=1.2)
        axis.plot([], [], color=EXACT, label="level lines of $V$")
        axis.set(xlim=limits[0], ylim=limits[1], xlabel="$x_1$", ylabel="$x_2$", title=title)
        axis.set_aspect("equal")
    axes[0].legend(loc="lower left", markerscale=4, fontsize=8)
    return fig
