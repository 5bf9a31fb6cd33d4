"""Errors against a step size, a number of samples or of layers, with fitted orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ..diagnostics import convergence_order
from .base import MODEL, OTHER, figure

LOOKS = [(MODEL, "o-"), (OTHER, "s-"), ("#CC79A7", "^-"), ("#56B4E9", "D-")]  # as in `curves`


def convergence(
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
    labels: Sequence[str],
    ylabel: str,
    slopes: bool = True,
) -> Figure:
    """Series (x, error) on logarithmic axes, a panel for each title.

    With `slopes` the legend gives the slope of each series, by least squares. `labels` are those of
    the x axes.
    """
    fig, axes = figure(len(panels), width=3.9, height=3.7)
    for axis, (title, series), label in zip(axes, panels.items(), labels, strict=True):
        ticks: set[float] = set()
        for (name, (x, error)), (colour, look) in zip(series.items(), LOOKS, strict=False):
            slope = f": {convergence_order(x, error):.2f}".replace("-", "−") if slopes else ""
            axis.loglog(x, error, look, color=colour, ms=5, label=name + slope)
            ticks.update(x)
        axis.set_xticks(sorted(ticks), [f"{s:g}" for s in sorted(ticks)], fontsize=8)
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set(xlabel=label, ylabel=ylabel, title=title)
        axis.legend(title="slope" if slopes else None, fontsize=8, title_fontsize=8)
    return fig
