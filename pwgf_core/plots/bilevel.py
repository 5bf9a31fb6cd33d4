"""Proximal steps: the objective over Gaussians, a displacement and its gradient part, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ..exact.projected import gaussian_proximal_step
from .base import EXACT, MODEL, OTHER, figure


def proximal_landscape(
    start: tuple[float, float], h: float, sizes: Sequence[float], p: float, mu: float
) -> Figure:
    """One step argmin W2²/(2h) + F from N(b, a²) on the line, `start` = (b, a), D = 1.

    F has the potential p(x − μ)²/2. On the left the level lines of the objective over all
    Gaussians, as points (mean, standard deviation), whose W2 is the distance in the figure; its
    minimiser, and those of the other step `sizes`. On the right the densities.
    """
    fig, (left, right) = figure(2, width=4.0, height=3.4)
    b0, a0 = start
    one = torch.ones(1, dtype=torch.float64)
    steps = [gaussian_proximal_step(a0 * one, b0 * one, s, p * one, mu * one) for s in (h, *sizes)]
    points = [(float(b), float(a)) for a, b in steps]
    rest = (mu, p**-0.5)
    b, a = np.meshgrid(np.linspace(-2.6, 1.6, 121), np.linspace(0.1, 3.1, 121))
    energy = 0.5 * p * ((b - mu) ** 2 + a**2) - np.log(a)
    value = ((b - b0) ** 2 + (a - a0) ** 2) / (2 * h) + energy
    levels = value.min() + np.ptp(value) * np.linspace(0.02, 1, 14) ** 2
    left.contour(b, a, value, levels=levels, colors="#999999", linewidths=0.8)
    left.plot(*zip(start, *points[1:], rest, strict=True), "-", color=OTHER, label="all h")
    marks = [(start, EXACT, "s", "start"), (points[0], MODEL, "o", "step"), (rest, OTHER, "*", "")]
    for (mean, deviation), colour, mark, label in marks:
        left.plot([mean], [deviation], mark, color=colour, ms=9, label=label or "minimum of F")
    left.set(xlabel="mean $b$", ylabel="standard deviation $a$", title=f"objective, h = {h:.3g}")
    left.set_aspect("equal")
    left.legend(fontsize=8, loc="upper right")
    x = np.linspace(-5, 4, 300)
    looks = [(EXACT, "--"), (MODEL, "-"), (OTHER, ":")]
    for ((mean, deviation), _, _, label), (colour, line) in zip(marks, looks, strict=True):
        density = np.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * (2 * np.pi) ** 0.5)
        right.plot(x, density, line, color=colour, lw=2, label=label or "minimum of F")
    right.set(xlabel="$x$", title="densities", ylim=(0, 1.0))
    right.legend(fontsize=8, loc="upper left")
    return fig


def displacement(x: Tensor, fields: Mapping[str, Tensor]) -> Figure:
    """Fields at points x (n, 2), one panel for each title, arrows in the scale of the axes."""
    fig, axes = figure(len(fields))
    limit = 1.05 * float(x.abs().max())
    for axis, (title, u) in zip(axes, fields.items(), strict=True):
        look = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.006}
        axis.quiver(x[:, 0], x[:, 1], u[:, 0], u[:, 1], color=MODEL, **look)
        axis.plot(x[:, 0], x[:, 1], ".", color="#999999", ms=3)
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), title=title)
        axis.set(xlabel="$x_1$", ylabel="$x_2$")
        axis.set_aspect("equal")
    return fig


def step_errors(
    h: Sequence[float], errors: Mapping[str, Sequence[float]], floor: float, label: str
) -> Figure:
    """Errors against step sizes on logarithmic axes, with a line of slope 1 and a floor."""
    fig, (axis,) = figure(1, width=4.5)
    looks = [(MODEL, "o"), (EXACT, "s"), (OTHER, "^"), ("#CC79A7", "D")]
    for (name, values), (colour, mark) in zip(errors.items(), looks, strict=False):
        axis.loglog(h, values, f"{mark}-", color=colour, label=name)
    first = next(iter(errors.values()))
    line = [first[0] * 0.7 * s / h[0] for s in h]
    axis.loglog(h, line, ":", color="#666666", label="slope 1")
    axis.axhline(floor, ls="--", color="#666666", lw=1, label=label)
    axis.set(xlabel="step size $h$", ylabel="$W_2$ to the exact law")
    axis.set_xticks(list(h), [f"{s:g}" for s in h])
    axis.minorticks_off()
    axis.legend(fontsize=8)
    return fig
