"""Several methods for one equation: error against seconds, and densities on the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from .base import EXACT, MODEL, OTHER, figure

LOOKS = {  # colours of Okabe and Ito, one marker each
    "ours": (MODEL, "o"),
    "ours, affine map": ("#56B4E9", "p"),
    "Langevin": (OTHER, "s"),
    "particles": (OTHER, "s"),
    "SVGD (to ρ∞)": ("#CC79A7", "^"),
    "blob": ("#E69F00", "D"),
    "finite volumes": (EXACT, "v"),
}


def error_against_seconds(
    series: Mapping[str, Sequence[tuple[float, float]]],
    measure: str,
    floors: Mapping[int, float] | None = None,
) -> Figure:
    """Runs as (seconds, error) by method; a line joins those that no run of the method beats.

    `floors` are errors of n exact samples, horizontal lines at the right. Both axes are
    logarithmic.

    Raises `ValueError` for a method without a colour.
    """
    fig, (axis,) = figure(1, width=5.0, height=4.4)
    for name, runs in series.items():
        if name not in LOOKS:
            raise ValueError(f"series must name methods among {', '.join(LOOKS)}, got {name!r}")
        colour, marker = LOOKS[name]
        points = np.array(sorted(runs))
        lowest = np.minimum.accumulate(points[:, 1])
        kept = points[:, 1] <= lowest
        axis.plot(*points.T, marker, color=colour, ms=4, alpha=0.35)
        axis.plot(*points[kept].T, marker + "-", color=colour, ms=6, lw=1.6, label=name)
    for n, error in (floors or {}).items():
        axis.axhline(error, color="#888888", lw=0.9, ls=":")
        power = f"$10^{{{round(np.log10(n))}}}$"
        axis.text(1.0, error, power, transform=axis.get_yaxis_transform(), fontsize=8, va="center")
    axis.set(xscale="log", yscale="log", xlabel="processor time [s]", ylabel=measure)
    axis.legend(fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    return fig


def densities(
    exact: tuple[Tensor, Tensor],
    model: tuple[Tensor, Tensor],
    histogram: Tensor | None = None,
    blobs: tuple[Tensor, Tensor] | None = None,
    title: str = "",
    limits: tuple[float, float] = (-3.0, 3.0),
) -> Figure:
    """Densities on the line: exact, of the model, a histogram of particles, and of blobs.

    `exact`, `model` and `blobs` are points and densities at them, each (n,), in any order.
    """
    fig, (axis,) = figure(1, width=6.0, height=3.4)
    if histogram is not None:
        edges = np.linspace(*limits, 61)
        counts = np.histogram(histogram.numpy(), edges)[0] / (len(histogram) * np.diff(edges))
        axis.stairs(counts, edges, fill=True, color=OTHER, alpha=0.35, label="Langevin")
    axis.plot(*exact, color=EXACT, lw=2.5, label="finite volumes")
    for name, pair, colour, line in (("blob", blobs, "#E69F00", ":"), ("ours", model, MODEL, "--")):
        if pair is not None:
            order = pair[0].argsort()
            axis.plot(pair[0][order], pair[1][order], line, color=colour, lw=2, label=name)
    axis.set(xlim=limits, ylim=(0, 0.75), xlabel="$x$", ylabel="density", title=title)
    axis.legend(fontsize=8)
    return fig
