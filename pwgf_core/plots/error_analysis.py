"""Errors over time beside their bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..exact.finite_volume import FiniteVolume1D
from .base import EXACT, MODEL, OTHER, figure

LOOKS = [(MODEL, "-"), (OTHER, "--"), (EXACT, "-."), ("#CC79A7", ":")]
SIZES = [(MODEL, "o"), (EXACT, "s"), (OTHER, "^")]


def error_beside_bounds(
    flow: FiniteVolume1D,
    V: Callable[[Tensor], Tensor],
    density: Tensor,
    t: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    title: str,
    limits: tuple[float, float] = (1e-2, 1e2),
) -> Figure:
    """Left positive numbers over time; right V, ρ_t and the model's density at the last time.

    On the left each name of `lines` has one number per time, on a logarithmic axis with the given
    `limits`. `density` holds the model's density at the cells `flow.x`.
    """
    fig, (left, right) = figure(2, width=3.9, height=3.3)
    for (name, values), (colour, line) in zip(lines.items(), LOOKS, strict=False):
        left.plot(t, values, line, color=colour, lw=1.8, label=name)
    _logarithmic(left)
    left.set(ylim=limits, title=f"error and bounds, {title}")
    x = flow.x.numpy()
    inside = abs(x) < 2.5
    right.fill_between(x[inside], flow.density(t[-1]).numpy()[inside], color=EXACT, alpha=0.3)
    right.fill_between([], [], color=EXACT, alpha=0.3, label="$ρ_t$")
    right.plot(x[inside], density.numpy()[inside], color=MODEL, label="model")
    right.plot(x[inside], V(flow.x).numpy()[inside], ":", color="#666666", label="$V$")
    right.set(ylim=(-0.4, 1.2), xlabel="$x$", title=f"{title}, t = {t[-1]:.1f}")
    right.legend(fontsize=8, loc="upper center", ncols=3)
    return fig


def errors_by_size(
    t: Sequence[float],
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
    limits: tuple[float, float] = (1e-4, 1e1),
) -> Figure:
    """One panel per title: for each name an error (markers) and its bound (dashed) over time."""
    fig, axes = figure(len(panels), width=3.7, height=3.3)
    for axis, (title, pairs) in zip(axes, panels.items(), strict=True):
        for (name, (error, bound)), (colour, mark) in zip(pairs.items(), SIZES, strict=False):
            axis.plot(t, error, mark, color=colour, ms=3, label=name)
            axis.plot(t, bound, "--", color=colour, lw=1.5)
        _logarithmic(axis)
        axis.set(ylim=limits, title=title)
    return fig


def _logarithmic(axis: Axes) -> None:
    axis.set(yscale="log", xlabel="time $t$")
    axis.legend(fontsize=8)
