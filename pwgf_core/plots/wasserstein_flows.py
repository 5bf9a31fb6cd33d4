"""A flow on the line with its particles and its energy; distances with their bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ..exact.finite_volume import FiniteVolume1D
from .base import EXACT, MODEL, OTHER, figure


def falling(
    flow: FiniteVolume1D,
    V: Callable[[Tensor], Tensor],
    particles: Tensor,
    times: Sequence[float],
    frame: int,
    limits: tuple[float, float] = (-2.0, 2.0),
    top: float = 2.0,
) -> Figure:
    """A density in a potential, the velocities of its particles, and the fall of its energy.

    Left ρ_t (area) and V (line) at t = `times[frame]`, with the particles and arrows below,
    that reach as far as they would go in half a unit of time; right F(ρ_t), with a dot at t.
    `particles` (times, n) are the places at all times.
    """
    fig, (left, right) = figure(2, width=4.0, height=3.2)
    t, points = times[frame], particles[frame]
    x, rho = flow.x.numpy(), flow.density(t).numpy()
    inside = (x > limits[0]) & (x < limits[1])
    left.fill_between(x[inside], rho[inside], color=MODEL, alpha=0.35, label="density ρ")
    left.plot(x[inside], V(flow.x).numpy()[inside], "--", color="#666666", label="potential V")
    level = np.full(len(points), -0.2)
    v = flow.velocity(points, t).numpy() / 2
    look = {"angles": "xy", "scale_units": "xy", "scale": 1.0, "width": 0.006, "color": EXACT}
    left.quiver(points.numpy(), level + 0.09, v, np.zeros(len(points)), zorder=3, **look)
    left.plot(points.numpy(), level, "o", color=OTHER, ms=4, zorder=4, label="particles")
    left.set(xlim=limits, ylim=(-0.3, top), xlabel="$x$", ylabel="$ρ$, $V$")
    left.set(title=f"t = {t:.2f}")
    left.legend(fontsize=8, loc="upper center", ncols=3, columnspacing=0.9, handlelength=1.4)
    path = np.linspace(times[0], times[-1], 121)
    right.plot(path, [flow.energy(s) for s in path], color=MODEL)
    right.plot([t], [flow.energy(t)], "o", color=EXACT)
    right.set(xlabel="time $t$", title=f"energy F = {flow.energy(t):.3f}")
    return fig


def distance_bounds(
    times: Sequence[float], panels: Mapping[str, tuple[Sequence[float], Sequence[float]]]
) -> Figure:
    """One panel per pair of flows: their distance W2 at the times, and its bound.

    `panels` maps titles to (distances, bounds).
    """
    fig, axes = figure(len(panels), width=3.6, height=3.0)
    for axis, (title, (distance, bound)) in zip(axes, panels.items(), strict=True):
        axis.plot(times, bound, "--", color=EXACT, label="bound $e^{-\\lambda t}W_2(0)$")
        axis.plot(times, distance, "o-", color=MODEL, ms=4, label="$W_2$ of the flows")
        axis.set(xlabel="time $t$", ylim=(0, None), title=title)
        axis.legend(fontsize=8)
    return fig


def interpolations(
    first: Tensor, second: Tensor, s: float, limits: tuple[float, float] = (-4.0, 4.0)
) -> Figure:
    """Two ways from one law on the line to another: moving the particles, or fading.

    `first` and `second`, shape (n,), are values of the quantile functions at midpoints. Left the
    histogram of the displacement interpolation at s, right that of the mixture.
    """
    fig, axes = figure(2, width=3.6, height=2.8)
    bins = np.linspace(*limits, 61).tolist()
    moved, weights = (1 - s) * first + s * second, [1 - s, s]
    parts = torch.stack([first, second])
    for axis, title, data, mass in (
        (axes[0], "geodesic", moved, torch.ones(len(moved))),
        (axes[1], "mixture", parts.flatten(), torch.tensor(weights).repeat_interleave(len(first))),
    ):
        axis.hist(
            data.numpy(),
            bins,
            weights=(mass / mass.sum()).numpy() / (bins[1] - bins[0]),
            color=MODEL,
            alpha=0.6,
        )
        axis.set(xlim=limits, ylim=(0, 1.1), xlabel="$x$", title=f"{title}, s = {s:.2f}")
    return fig
