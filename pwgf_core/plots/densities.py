"""Densities on the line, and a radial density in the plane with its free boundary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from .base import EXACT, MODEL, OTHER, figure

LINES = [(EXACT, "-"), (OTHER, "--"), ("#CC79A7", "-."), ("#56B4E9", ":"), ("#000000", "--")]


def graphs(
    panels: Mapping[str, Mapping[str, tuple[Tensor, Tensor]]],
    *,
    labels: tuple[str, str] = ("$x$", "density"),
    limits: Sequence[tuple[float, float] | None] = (),
    log: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """One panel per title with graphs by name, each a pair of points and values, both (n,).

    The one called `model` is drawn by markers, the others by lines. `log` names the panels with a
    logarithmic axis, `limits` gives the vertical range of each panel, None to leave it open. Panels
    with the names of the last one share its legend.
    """
    fig, axes = figure(len(panels), width=4.0, height=3.2)
    for i, (axis, (name, pairs)) in enumerate(zip(axes, panels.items(), strict=True)):
        looks = iter(LINES)
        for label, (x, y) in pairs.items():
            if label == "model":
                axis.plot(x, y, "o", color=MODEL, ms=4, label=label, zorder=3)
            else:
                colour, line = next(looks)
                axis.plot(x, y, line, color=colour, lw=1.8, label=label)
        axis.set(xlabel=labels[0], title=name, yscale="log" if name in log else "linear")
        if i < len(limits) and limits[i] is not None:
            axis.set(ylim=limits[i])
    axes[0].set_ylabel(labels[1])
    names = [list(pairs) for pairs in panels.values()]
    for axis, own in zip(axes, names, strict=True):
        if axis is axes[-1] or own != names[-1]:
            axis.legend(fontsize=8)
    fig.suptitle(title)
    return fig


def free_boundary(
    x: Tensor,
    rho: Tensor,
    exact: tuple[Tensor, Tensor],
    start: float,
    title: str = "",
    limit: float = 2.4,
) -> Figure:
    """A sample x (n, 2) of a radial density that vanishes outside a disc, and the density.

    `rho` (n,) is the density at the points; `exact` the exact one as a pair of radii and values,
    whose last radius is that of the disc now; `start` that of the disc at t = 0.
    """
    fig, (left, right) = figure(2, width=3.6, height=3.4)
    points = x.detach().cpu()
    left.plot(points[:, 0], points[:, 1], ".", color=MODEL, ms=2, alpha=0.5)
    angle = torch.linspace(0, 2 * torch.pi, 200)
    for radius, line, name in ((start, "--", "at $t=0$"), (float(exact[0][-1]), "-", "now")):
        circle = (radius * angle.cos(), radius * angle.sin())
        left.plot(*circle, line, color=EXACT, lw=1.8, label=f"exact, {name}")
    left.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="$x_1$", ylabel="$x_2$")
    left.set(title="samples and free boundary")
    left.set_aspect("equal")
    left.legend(loc="lower left", fontsize=8)
    distance = torch.linalg.vector_norm(points, dim=1)
    right.plot(distance, rho.detach().cpu(), ".", color=MODEL, ms=3, label="model")
    right.plot(*exact, "-", color=EXACT, lw=1.8, label="exact")
    right.set(xlim=(0, limit), ylim=(0, None), xlabel="$|x|$", title="density")
    right.legend(fontsize=8)
    fig.suptitle(title)
    return fig
