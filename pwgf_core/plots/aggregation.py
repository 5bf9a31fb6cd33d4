"""Points that gather on a circle, and maps seen along one ray."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from .base import EXACT, MODEL, OTHER, figure

FEW = 400  # points that are drawn large enough to be told apart


def rings(
    panels: Mapping[str, Mapping[str, Tensor]],
    centre: Tensor,
    radius: float,
    title: str = "",
    width: float = 3.2,
    reach: float = 1.3,
) -> Figure:
    """Samples in the plane, one panel each or over each other, with a circle.

    A panel maps names to points (n, 2): the first are dots, further ones open circles in the same
    places where the samples agree. `reach` is half the side of the square that is shown.
    """
    fig, axes = figure(len(panels), width, width)
    c1, c2 = (float(c) for c in centre)
    for axis, (name, samples) in zip(axes, panels.items(), strict=True):
        for i, (label, points) in enumerate(samples.items()):
            x = points.detach().cpu()
            large = len(x) <= FEW
            look = {"marker": ".", "color": MODEL, "ms": 4 if large else 2}
            if i:
                look = {"marker": "o", "mfc": "none", "color": EXACT, "ms": 6 if large else 3}
            axis.plot(x[:, 0], x[:, 1], ls="none", label=label, **look)
        circle = Circle((c1, c2), radius, fill=False, color=OTHER, lw=1.5, zorder=3)
        axis.add_patch(circle)
        axis.plot([], [], color=OTHER, label="circle")
        axis.set(xlim=(c1 - reach, c1 + reach), ylim=(c2 - reach, c2 + reach), title=name)
        axis.set(xlabel="$x_1$", ylabel="$x_2$")
        axis.set_aspect("equal")
    axes[0].legend(loc="lower left", fontsize=8)
    fig.suptitle(title)
    return fig


def profiles(r: Tensor, panels: Mapping[str, Mapping[str, Tensor]]) -> Figure:
    """Distances from the centre, as functions of the distance r = |z| from the centre of λ.

    `r` (n,); a panel maps names to values (n,). `exact` is a full line, others are broken ones.
    """
    fig, axes = figure(len(panels), width=3.4, height=3.0)
    looks = [(MODEL, "--"), (OTHER, ":"), ("#CC79A7", "-.")]
    for axis, (title, series) in zip(axes, panels.items(), strict=True):
        others = iter(looks)
        for name, values in series.items():
            colour, line = (EXACT, "-") if name == "exact" else next(others)
            axis.plot(r, values.detach().cpu(), line, color=colour, lw=2, label=name)
        axis.set(xlabel="$|z|$", title=title, ylim=(0, None))
    axes[0].set_ylabel("$|T(z)-x^0|$")
    axes[0].legend(fontsize=8)
    return fig
