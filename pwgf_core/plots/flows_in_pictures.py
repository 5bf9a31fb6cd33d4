"""One moment of a flow beside the fall of its energy; velocities that models give to particles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..exact.finite_volume import FiniteVolume1D
from .base import EXACT, MODEL, OTHER, figure

Curve = tuple[Sequence[float], Sequence[float]]
Curves = Mapping[str, tuple[Tensor, Tensor]]


def flow_on_line(
    flow: FiniteVolume1D,
    particles: Tensor,
    t: float,
    energy: Curve,
    V: Callable[[Tensor], Tensor] | None = None,
    limits: tuple[float, float] = (-3.0, 3.0),
    top: float = 1.5,
) -> Figure:
    """ρ_t as an area, V as a line, some particles (n,) below; on the right the energy.

    `energy` holds times and F at these times; a dot marks t.
    """
    fig, (left, right) = figure(2, width=3.4, height=3.0)
    x = flow.x.numpy()
    inside = (x > limits[0]) & (x < limits[1])
    rho = flow.density(t).numpy()[inside]
    left.fill_between(x[inside], rho, color=MODEL, alpha=0.35, lw=1.2, label="density ρ")
    bottom = -0.1 * top
    if V is not None:
        height = V(flow.x).numpy()[inside]
        bottom = float(height.min()) - 0.1 * top
        left.plot(x[inside], height, "--", color="#666666", label="potential V")
    level = np.full(len(particles), bottom)
    left.plot(particles.numpy(), level, "o", color=OTHER, ms=4, label="particles")
    left.set(xlim=limits, ylim=(bottom - 0.06 * top, top), xlabel="$x$")
    left.legend(fontsize=8, loc="upper center")
    return _finish(fig, left, right, t, energy)


def flow_in_plane(points: Tensor, t: float, energy: Curve, reach: float = 1.6) -> Figure:
    """The particles (n, 2) at time t, and on the right the energy as in `flow_on_line`."""
    fig, (left, right) = figure(2, width=3.4, height=3.0)
    left.plot(points[:, 0], points[:, 1], ".", color=OTHER, ms=4, alpha=0.7, label="particles")
    left.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="$x_1$", ylabel="$x_2$")
    left.set_aspect("equal")
    left.legend(fontsize=8, loc="upper center")
    return _finish(fig, left, right, t, energy)


def _finish(fig: Figure, left: Axes, right: Axes, t: float, energy: Curve) -> Figure:
    times, values = energy
    left.set_title(f"t = {t:.2f}")
    right.plot(times, values, color=MODEL)
    now = float(np.interp(t, times, values))
    right.plot([t], [now], "o", color=EXACT)
    right.set(xlabel="time $t$", title=f"energy F = {now:.3f}")
    return fig


def projections(velocities: Curves, densities: Curves, title: str, limit: float = 2.5) -> Figure:
    """Left velocities of particles z by name, right densities; `exact` is a full line.

    Both map names to a pair of points and values, (n,) each; what lies beyond ± `limit` is cut off.
    """
    fig, (left, right) = figure(2, width=3.6, height=3.0)
    for axis, curves in ((left, velocities), (right, densities)):
        looks = iter([(OTHER, "--"), (MODEL, ":")])
        for name, (x, y) in curves.items():
            colour, line = (EXACT, "-") if name == "exact" else next(looks)
            inside = x.abs() <= limit
            axis.plot(x[inside], y[inside], line, color=colour, lw=2.2, label=name)
        axis.set(xlim=(-limit, limit))
    left.set(xlabel="$z$", ylabel="$v$", title="velocity at $t=0$")
    left.legend(fontsize=8)
    right.set(xlabel="$x$", ylabel="$ρ$", ylim=(0, None), title=title)
    return fig
