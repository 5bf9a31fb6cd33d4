"""The flows of two metrics beside the exact one, and what a step does to one mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from .base import EXACT, MODEL, OTHER, ellipse, figure

LOOKS = [(MODEL, "o", "-"), (OTHER, "^", "-."), (EXACT, "s", "--"), ("#CC79A7", "D", ":")]


def rival_laws(
    exact: tuple[Tensor, Tensor],
    laws: Mapping[str, tuple[Tensor, Tensor]],
    times: Sequence[float],
    errors: Mapping[str, Sequence[float]],
    k: int,
    limits: tuple[float, float] = (-2.2, 2.8),
) -> Figure:
    """Planar Gaussians (mean, covariance) at `times[k]` and the errors of flows at all times.

    On the left the 1½-σ ellipse of the `exact` law and of each of `laws`, on the right the
    `errors`, by the same names, with the k-th marked.
    """
    fig, (left, right) = figure(2, width=3.6, height=3.5)
    shown = {"exact": (exact, (EXACT, "s", "--"))}
    shown |= {n: (law, look) for (n, law), look in zip(laws.items(), LOOKS, strict=False)}
    for name, ((mean, covariance), (colour, mark, line)) in shown.items():
        style = {"fill": False, "color": colour, "lw": 2, "ls": line}
        left.add_patch(ellipse(mean, covariance, 1.5, **style)).set_zorder(3)
        left.plot([], [], line, color=colour, lw=2, label=name)
        if name != "exact":
            right.plot(times, errors[name], line, color=colour, lw=1.8, label=name)
            right.plot([times[k]], [errors[name][k]], mark, color=colour, ms=8)
    left.set(xlim=limits, ylim=limits, xlabel="$x_1$", ylabel="$x_2$", title=f"$t={times[k]:.2f}$")
    left.set_aspect("equal")
    left.legend(fontsize=8, loc="lower left")
    right.set(xlabel="time $t$", title="$W_2$ to the exact law")
    right.legend(fontsize=8)
    return fig


def mode_factors(
    h: Tensor, lines: Mapping[str, Tensor], marks: Mapping[str, tuple[Sequence[float], ...]]
) -> Figure:
    """Factors by which a step of size h multiplies a mode, (n,) each, and measured ones.

    `marks` holds pairs (step sizes, factors) by the names of the lines. A mode grows above 1.
    """
    fig, (axis,) = figure(1, width=5.0, height=3.6)
    for (name, values), (colour, mark, line) in zip(lines.items(), LOOKS, strict=False):
        axis.plot(h, values, line, color=colour, lw=1.8)
        axis.plot(*marks[name], mark, color=colour, ms=6)
        axis.plot([], [], line, marker=mark, color=colour, label=name)
    axis.fill_between([0, float(h.max())], 1, 4, color="#999999", alpha=0.25, lw=0)
    top = 1.2 * max(1.0, *(max(values) for _, values in marks.values()))
    axis.set(xlim=(0, float(h.max())), ylim=(0, min(4.0, top)), xlabel="step size $h$")
    axis.set(ylabel="factor of the fastest mode in a step")
    axis.legend(fontsize=8)
    return fig
