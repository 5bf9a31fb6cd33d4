"""The two metrics on Θ: their flows of a planar Gaussian, how they hang together, and over-fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..diagnostics.gaussian import psd_sqrt
from .base import EXACT, MODEL, OTHER, ellipse, figure

ARROW, PALE = 0.9, "#F0AE80"  # longest arrow of v, and its colour: a light EXACT
BOXES = {  # corner: title, formula
    (0, 1): ("maps $T$, metric $L^2(\\lambda)$", "$\\dot T=v\\circ T$"),
    (1, 1): ("densities $\\rho$, metric $g^W$", "$\\dot\\rho=-\\nabla\\cdot(\\rho v)$"),
    (0, 0): ("$\\Theta$, metric $\\widehat G$", "$\\dot\\theta=-\\widehat G^\\dagger\\nabla F$"),
    (1, 0): ("$\\Theta$, metric $G$", "$\\dot\\theta=-G^\\dagger\\nabla F$"),
}


def approximations(
    panels: Mapping[str, tuple[Tensor, Tensor, Tensor]], exact: Tensor, limit: float = 2.3
) -> Figure:
    """Velocities y ↦ 𝒱y of planar Gaussians N(0, S), and fields y ↦ My that approximate them.

    `panels` maps titles to S, 𝒱, M, all (2, 2). A panel shows both fields at points of N(0, S),
    scaled so that the longest arrow of 𝒱 has a fixed length, and the 1½-σ ellipses of N(0, S) and
    of the exact solution N(0, `exact`).
    """
    fig, axes = figure(len(panels), height=3.7)
    angles = torch.arange(12) * math.pi / 6
    circle = torch.stack([angles.cos(), angles.sin()], 1).double()
    for axis, (title, (s, field, m)) in zip(axes, panels.items(), strict=True):
        y = 1.5 * circle @ psd_sqrt(s)
        scale = max(float((y @ field.T).norm(dim=1).max()), 1e-12) / ARROW
        look = {"angles": "xy", "scale_units": "xy", "scale": scale, "zorder": 4}
        look |= {"headwidth": 3, "headlength": 3.5, "headaxislength": 3}
        for matrix, colour, width in ((field, PALE, 0.02), (m, MODEL, 0.008)):
            arrows = y @ matrix.T
            axis.quiver(*y.T, *arrows.T, color=colour, width=width, **look)
        for c, colour, line in ((exact, EXACT, "--"), (s, MODEL, "-")):
            style = {"fill": False, "color": colour, "lw": 1.5, "ls": line}
            axis.add_patch(ellipse(torch.zeros(2), c, 1.5, **style)).set_zorder(3)
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), title=title)
        axis.set(xlabel="$x_1$", ylabel="$x_2$")
        axis.set_aspect("equal")
    for label, colour, line in (("velocity $v$, exact law", EXACT, "--"), ("model", MODEL, "-")):
        axes[0].plot([], [], line, color=colour, label=label)
    axes[0].legend(loc="lower left", fontsize=8)
    return fig


def relation_diagram() -> Figure:
    """Four spaces, their metrics and gradient flows, and the maps between them."""
    fig, (axis,) = figure(1, width=5.2, height=3.4)
    axis.set(xlim=(-0.36, 1.36), ylim=(-0.25, 1.25))
    axis.set_axis_off()
    for (x, y), (title, formula) in BOXES.items():
        colour = MODEL if x else OTHER
        box = {"boxstyle": "round,pad=0.5", "fc": "white", "ec": colour, "lw": 2}
        axis.text(x, y, f"{title}\n{formula}", ha="center", va="center", bbox=box, linespacing=1.8)
    left = "$\\theta\\mapsto T_\\theta$\nmisfit $\\hat\\delta$"
    right = "$\\theta\\mapsto\\rho_\\theta$\nmisfit $\\delta$"
    _arrow(axis, (0.32, 1), (0.65, 1), "$T\\mapsto T_\\#\\lambda$", (0.48, 1.12))
    _arrow(axis, (0, 0.23), (0, 0.77), left, (0.17, 0.5))
    _arrow(axis, (1, 0.23), (1, 0.77), right, (0.83, 0.5))
    axis.text(0.5, 0, "$G\\preceq\\widehat G$", ha="center", va="center")
    return fig


def _arrow(
    axis: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    label: str,
    place: tuple[float, float],
) -> None:
    style = {"arrowstyle": "-|>", "color": "#444444", "lw": 1.6}
    axis.annotate("", end, start, arrowprops=style)
    axis.text(*place, label, ha="center", va="center")


def overfit(points: Mapping[int, Sequence[tuple[float, float]]]) -> Figure:
    """Shares regained against dim S/(n d), for each n, on logarithmic axes, with the diagonal.

    `points` maps n to pairs (dim S/(n d), share); shares below 10⁻⁴ are left out.
    """
    fig, (axis,) = figure(1, width=4.6, height=3.6)
    looks = [(MODEL, "o"), (EXACT, "s"), (OTHER, "^"), ("#666666", "D")]
    for (n, pairs), (colour, mark) in zip(points.items(), looks, strict=False):
        x, y = zip(*[pair for pair in pairs if pair[1] > 1e-4], strict=True)
        axis.loglog(x, y, mark, color=colour, label=f"n = {n}")
    ends = [1e-3, 1.0]
    axis.plot(ends, ends, color="#444444", lw=1)
    axis.set(xlabel="fields per number, $r/(n\\,d)$", ylabel="regained share of $\\widehat G-G$")
    axis.legend(fontsize=9)
    return fig
