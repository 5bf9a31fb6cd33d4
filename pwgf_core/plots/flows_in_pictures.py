"""One moment of a flow, on the line or in the plane, beside the fall of its energy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..exact.finite_volume import FiniteVolume1D
from .base import EXACT, MODEL, OTHER, figure

Curve = tuple[Sequence[float], Sequence[float]]


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
    left.legend(fontsize=8, loc="upper right")
    return _finish(fig, left, right, t, energy)


def flow_in_plane(points: Tensor, t: float, energy: Curve, reach: float = 2.0) -> Figure:
    """The particles (n, 2) at time t, and on the right the energy as in `flow_on_line`."""
    fig, (left, right) = figure(2, width=3.4, height=3.0)
    left.plot(points[:, 0], points[:, 1], ".", color=OTHER, ms=4, alpha=0.7, label="particles")
    left.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="$x_1$", ylabel="$x_2$")
    left.set_aspect("equal")
    left.legend(fontsize=8, loc="upper right")
    return _finish(fig, left, right, t, energy)


def _finish(fig: Figure, left: Axes, right: Axes, t: float, energy: Curve) -> Figure:
    times, values = energy
    left.set_title(f"t = {t:.2f}")
    right.plot(times, values, color=MODEL)
    now = float(np.interp(t, times, values))
    right.plot([t], [now], "o", color=EXACT)
    right.set(xlabel="time $t$", title=f"energy F = {now:.3f}")
    return fig
