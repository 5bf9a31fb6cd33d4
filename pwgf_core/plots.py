"""Figures of the book. Every function returns a matplotlib figure and shows nothing by itself."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from torch import Tensor

# Okabe and Ito's colours: distinct for all common kinds of colour vision.
MODEL, EXACT, OTHER = "#0072B2", "#D55E00", "#009E73"

plt.switch_backend(plt.get_backend())  # loads it: a notebook then knows how to show figures


def figure(columns: int, width: float = 3.2, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    """A row of axes in the book's style.

    The figure is unknown to pyplot, whose state belongs to the main thread: it is shown only
    where it is returned, and a panel's thread may draw too.
    """
    size = (width * columns, height)
    fig = Figure(figsize=size, layout="constrained", dpi=90, facecolor="white")
    axes = list(fig.subplots(1, columns, squeeze=False)[0])
    for axis in axes:
        axis.set_facecolor("white")
        axis.grid(True, alpha=0.3)
        axis.spines[["right", "top"]].set_visible(False)
    return fig, axes


def ellipse(mean: Tensor, covariance: Tensor, radius: float, **style: object) -> Ellipse:
    """The ellipse (x − m)ᵀC⁻¹(x − m) = radius² of a planar Gaussian."""
    values, vectors = np.linalg.eigh(covariance.numpy())
    width, height = 2 * radius * np.sqrt(values)
    angle = math.degrees(math.atan2(vectors[1, 0], vectors[0, 0]))
    return Ellipse((float(mean[0]), float(mean[1])), width, height, angle=angle, **style)


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


def png(fig: Figure) -> bytes:
    """The figure as PNG, without the metadata that changes from run to run."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
