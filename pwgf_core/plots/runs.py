"""Samples and errors of a run beside an exact solution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from .base import EXACT, MODEL, OTHER, ellipse, figure


def planes(
    x: Tensor,
    pairs: Sequence[tuple[int, int]],
    mean: Tensor,
    covariance: Tensor,
    title: str = "",
    limits: tuple[float, float] = (-4.0, 5.0),
) -> Figure:
    """A sample projected on coordinate planes, with the exact Gaussian's 1- and 2-σ ellipses.

    `x` (n, d) the sample, `pairs` the planes, `mean` (d,) and `covariance` (d, d) of the exact law.
    """
    fig, axes = figure(len(pairs))
    points = x.detach().cpu()
    for axis, pair in zip(axes, pairs, strict=True):
        i, j = pair
        axis.plot(points[:, i], points[:, j], ".", color=MODEL, ms=2, alpha=0.5, label="samples")
        sub = covariance[list(pair)][:, list(pair)]
        for radius, line in ((1, "-"), (2, "--")):
            patch = ellipse(mean[list(pair)], sub, radius, fill=False, color=EXACT, lw=1.8, ls=line)
            axis.add_patch(patch).set_zorder(3)
            axis.plot([], [], line, color=EXACT, label=f"exact, {radius}σ")
        axis.set(xlim=limits, ylim=limits, xlabel=f"$x_{{{i}}}$", ylabel=f"$x_{{{j}}}$")
        axis.set_aspect("equal")
    axes[0].legend(loc="lower left", markerscale=4, fontsize=8)
    fig.suptitle(title)
    return fig


def curves(
    t: Sequence[float],
    panels: Mapping[str, Mapping[str, Sequence[float] | Sequence[Tensor]]],
    log: Sequence[str] = (),
) -> Figure:
    """One panel per quantity over time; `log` names the panels with a logarithmic axis.

    A panel maps names to values, one number or one vector per time. The values called `exact` are
    lines, the others markers.
    """
    fig, axes = figure(len(panels), width=3.6, height=3.0)
    looks = [(MODEL, "o"), (OTHER, "s"), ("#CC79A7", "^"), ("#56B4E9", "D")]
    for axis, (title, series) in zip(axes, panels.items(), strict=True):
        names = [n for n in series if n != "exact"]
        for name, values in series.items():
            data = np.array([np.asarray(v) for v in values]).reshape(len(t), -1)
            look = {"color": EXACT, "ls": "-", "lw": 1.8, "zorder": 1}
            if name != "exact":
                colour, marker = looks[names.index(name) % len(looks)]
                look = {"color": colour, "marker": marker, "ms": 4, "ls": "none"}
            axis.plot(t, data[:, 0], label=name, **look)
            axis.plot(t, data[:, 1:], **look)
        axis.set(xlabel="time $t$", title=title, yscale="log" if title in log else "linear")
        axis.legend(fontsize=8)
    return fig
