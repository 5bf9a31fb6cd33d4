"""The double wells in thirty dimensions: potential, snapshots, marginals, stored sweeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..exact import FiniteVolume1D
from .base import EXACT, MODEL, OTHER, figure

LIMIT = 4.5


def _square(axis: Axes, title: str, names: tuple[str, str]) -> None:
    axis.set(xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT), title=title)
    axis.set(xlabel=f"${names[0]}$", ylabel=f"${names[1]}$")
    axis.set_aspect("equal")


def potential_2d(V: Callable[[Tensor], Tensor], levels: int = 14) -> Figure:
    """V(x_1) + V(x_2) as a surface and by level lines; `V` maps any shape to the same."""
    grid = torch.linspace(-LIMIT, LIMIT, 91, dtype=torch.float64)
    height = (V(grid)[:, None] + V(grid)).numpy()
    x, y = np.meshgrid(grid.numpy(), grid.numpy())
    fig, (left, right) = figure(2, width=4.0, height=3.6)
    place = left.get_subplotspec()
    left.remove()
    surface = fig.add_subplot(place, projection="3d")
    surface.plot_surface(x, y, height, cmap="viridis", rstride=2, cstride=2, lw=0)  # pyright: ignore[reportAttributeAccessIssue]
    surface.set(xlabel="$x_1$", ylabel="$x_2$", title="$V$ in two dimensions")
    surface.view_init(elev=35, azim=-60)  # pyright: ignore[reportAttributeAccessIssue]
    lines = right.contour(x, y, height, levels, cmap="viridis")
    right.clabel(lines, fontsize=7)
    _square(right, "its level lines", ("x_1", "x_2"))
    return fig


def _plane(axis: Axes, x: Tensor, law: FiniteVolume1D, t: float, pair: tuple[int, int]) -> None:
    """Samples in a plane of two components, with level lines of the exact density ρ_t ⊗ ρ_t."""
    i, j = pair
    axis.plot(x[:, i], x[:, j], ".", color=MODEL, ms=2, alpha=0.45, label="samples")
    grid = torch.linspace(-LIMIT, LIMIT, 121, dtype=torch.float64)
    density = law.log_density(grid, t).exp().numpy()
    levels = np.array([0.1, 0.3, 0.6, 0.9]) * density.max() ** 2
    axis.contour(grid, grid, np.outer(density, density), list(levels), colors=EXACT, linewidths=1.3)
    axis.plot([], [], color=EXACT, label="exact density")
    _square(axis, f"t = {t:.2f}", (f"x_{{{i + 1}}}", f"x_{{{j + 1}}}"))


def wells(
    x: Tensor, law: FiniteVolume1D, t: float, gibbs: Tensor, pair: tuple[int, int] = (4, 14)
) -> Figure:
    """A sample (n, d) in the plane of two components, and a histogram of the first of them.

    `law` is the exact law of each component, `gibbs` (cells,) its limit as t → ∞. The components
    are numbered from 0 here and from 1 on the axes. Level lines are at 10, 30, 60 and 90 % of the
    exact density's maximum.
    """
    fig, (left, right) = figure(2, width=3.9, height=3.7)
    x = x.detach().cpu().double()
    _plane(left, x, law, t, pair)
    bins = np.linspace(-LIMIT, LIMIT, 37)
    right.hist(
        x[:, pair[0]].numpy(), list(bins), density=True, color=MODEL, alpha=0.45, label="samples"
    )
    right.plot(law.x, law.density(t), color=EXACT, label="exact density")
    right.plot(law.x, gibbs, "--", color=OTHER, label="Gibbs density")
    right.set(xlim=(-LIMIT, LIMIT), ylim=(0, 0.5), xlabel=f"$x_{{{pair[0] + 1}}}$")
    right.set(title="one component", ylabel="density")
    left.legend(loc="lower left", markerscale=4, fontsize=8)
    right.legend(loc="upper right", fontsize=8)
    return fig


def snapshots(
    clouds: Mapping[float, Tensor], law: FiniteVolume1D, pair: tuple[int, int] = (4, 14)
) -> Figure:
    """Samples in the plane of two components at several times, two panels a row."""
    rows = -(-len(clouds) // 2)
    fig = Figure(figsize=(6.4, 3.1 * rows), layout="constrained", dpi=90, facecolor="white")
    axes = fig.subplots(rows, 2, squeeze=False).flat
    for axis, (t, x) in zip(axes, clouds.items(), strict=False):
        _plane(axis, x.detach().cpu(), law, t, pair)
        axis.grid(True, alpha=0.3)
    axes[0].legend(loc="lower left", markerscale=4, fontsize=8)
    return fig


def marginal(x: Tensor, law: FiniteVolume1D, t: float, gibbs: Tensor, w2: Tensor) -> Figure:
    """The density of one component of a large sample x (n,), and W2 (d,) of all components."""
    fig, (left, right) = figure(2, width=3.9, height=3.3)
    bins = np.linspace(-LIMIT, LIMIT, 61)
    height = np.histogram(x.detach().cpu().numpy(), bins, density=True)[0]
    left.plot((bins[1:] + bins[:-1]) / 2, height, "o", ms=3, color=MODEL, label="model")
    left.plot(law.x, law.density(t), color=EXACT, zorder=1, label=f"exact, t = {t:g}")
    left.plot(law.x, gibbs, "--", color=OTHER, zorder=1, label="Gibbs")
    left.set(xlim=(-LIMIT, LIMIT), xlabel="$x$", ylabel="density", title="one component")
    left.legend(fontsize=8)
    right.plot(np.arange(1, len(w2) + 1), w2, "o", ms=4, color=MODEL)
    right.axhline(float(w2.mean()), color=MODEL, lw=1, ls="--")
    right.set(xlabel="component", ylim=(0, 1.15 * float(w2.max())), title="$W_2$ to the exact law")
    return fig


def sweep(figures: Mapping[str, Sequence[float]], xlabel: str, ylabel: str = "") -> Figure:
    """Rows of a stored sweep: a name and its figures at several times, the last one emphasised."""
    fig, (axis,) = figure(1, width=5.0, height=0.7 + 0.28 * len(figures))
    for i, (name, values) in enumerate(figures.items()):
        axis.plot(values, [i] * len(values), ".", color="#999999", ms=5)
        axis.plot(values[-1], i, "o", color=MODEL, ms=7, label=name)
    axis.set_yticks(range(len(figures)), list(figures))
    axis.invert_yaxis()
    axis.set(xscale="log", xlabel=xlabel, ylabel=ylabel)
    return fig
