"""Fields and paths of Gaussians in the plane."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ..diagnostics.gaussian import psd_sqrt
from ..exact.bures import GaussianPath, gaussian_speed
from .base import EXACT, MODEL, OTHER, ellipse, figure


def linear_fields(
    fields: Mapping[str, Tensor], covariance: Tensor, time: float, limit: float = 4.0
) -> Figure:
    """Fields y ↦ My in the plane, each with the Gaussian N(0, C) before and after moving with it.

    `fields` maps titles to matrices M (2, 2). A panel shows M at points of the Gaussian (arrows),
    the 2-σ ellipse now and after `time` along y′ = My, and the way of one point on the ellipse.
    """
    fig, axes = figure(len(fields))
    root = psd_sqrt(covariance.double())
    angles = torch.arange(12) * math.pi / 6
    circle = torch.stack([angles.cos(), angles.sin()], 1).double()
    y = torch.cat([r * circle for r in (0.7, 1.4, 2.1)]) @ root
    start = 2 * root @ circle[1]
    for axis, (title, m) in zip(axes, fields.items(), strict=True):
        arrows = y @ m.T
        look = {"angles": "xy", "scale_units": "xy", "scale": 2.5, "width": 0.006}
        axis.quiver(y[:, 0], y[:, 1], arrows[:, 0], arrows[:, 1], color="#666666", **look)
        times = torch.linspace(0, time, 30).double()
        moves = torch.linalg.matrix_exp(times[:, None, None] * m)
        after = moves[-1] @ covariance @ moves[-1].T
        mean = torch.zeros(2)
        for c, colour, line, label in (
            (covariance, EXACT, "--", "now"),
            (after, MODEL, "-", f"after time {time:g}"),
        ):
            style = {"fill": False, "color": colour, "lw": 1.8, "ls": line}
            axis.add_patch(ellipse(mean, c, 2, **style)).set_zorder(3)
            axis.plot([], [], line, color=colour, label=label)
        way = moves @ start
        axis.plot(way[:, 0], way[:, 1], "-", color=OTHER, lw=2.5, zorder=4)
        axis.plot(way[-1:, 0], way[-1:, 1], "o", color=OTHER, zorder=4, label="one particle")
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), title=title)
        axis.set(xlabel="$x_1$", ylabel="$x_2$")
        axis.set_aspect("equal")
    axes[0].legend(loc="lower left", fontsize=8)
    return fig


def gaussian_paths(paths: Mapping[str, GaussianPath], t: float, limit: float = 4.0) -> Figure:
    """Paths of planar Gaussians: their 2-σ ellipses at time t, and the squares of their speeds.

    `paths` maps names to functions t ↦ (m_t, C_t). The area under a curve on the right is the
    action of its path.
    """
    fig, (left, right) = figure(2, width=4.0, height=3.4)
    looks = [(MODEL, "-"), (EXACT, "--"), (OTHER, "-.")]
    times = np.linspace(0, 1, 21)
    first = next(iter(paths.values()))
    for end in (0.0, 1.0):
        m, c = first(torch.tensor(end, dtype=torch.float64))
        left.add_patch(ellipse(m, c, 2, color="#BBBBBB", alpha=0.5))
    for (name, path), (colour, line) in zip(paths.items(), looks, strict=False):
        m, c = path(torch.tensor(t, dtype=torch.float64))
        left.add_patch(ellipse(m, c, 2, fill=False, color=colour, lw=2, ls=line)).set_zorder(3)
        squares = [gaussian_speed(path, s) ** 2 for s in times]
        right.plot(times, squares, line, color=colour, label=name)
        right.plot([t], [gaussian_speed(path, t) ** 2], "o", color=colour)
    left.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="$x_1$", ylabel="$x_2$")
    left.set(title=f"2σ ellipses, t = {t:.2f}")
    left.set_aspect("equal")
    right.set(xlabel="time $t$", ylim=(0, None), title="squared speed $g^W$")
    right.legend(fontsize=8)
    return fig
