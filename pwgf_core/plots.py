"""Figures of the book. Every function returns a matplotlib figure and shows nothing by itself."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from torch import Tensor

from .diagnostics.gaussian import psd_sqrt
from .exact.bures import GaussianPath, gaussian_speed

# Okabe and Ito's colours: distinct for all common kinds of colour vision.
MODEL, EXACT, OTHER = "#0072B2", "#D55E00", "#009E73"
STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "savefig.facecolor": "white",
}


def figure(columns: int, width: float = 3.2, height: float = 3.2) -> tuple[Figure, list]:
    """A row of axes in the book's style."""
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(
            1,
            columns,
            figsize=(width * columns, height),
            layout="constrained",
            dpi=90,
            squeeze=False,
        )
    plt.close(fig)  # shown where it is returned, not a second time at the end of the cell
    return fig, list(axes[0])


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


def png(fig: Figure) -> bytes:
    """The figure as PNG, without the metadata that changes from run to run."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
