"""All problems at once: smallest errors against the dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from .base import figure
from .other_methods import LOOKS


def error_against_dimension(
    panels: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]], measure: str
) -> Figure:
    """Smallest errors (d, error) by method, a panel for each title, on logarithmic axes.

    The methods are those of `error_against_seconds`, with its colours.

    Raises `ValueError` for a method without a colour.
    """
    fig, axes = figure(len(panels), width=3.9, height=3.6)
    for axis, (title, series) in zip(axes, panels.items(), strict=True):
        for name, points in series.items():
            if name not in LOOKS:
                raise ValueError(f"panels must name methods among {', '.join(LOOKS)}, got {name!r}")
            colour, marker = LOOKS[name]
            axis.plot(*zip(*sorted(points), strict=True), marker + "-", color=colour, label=name)
        axis.set(xscale="log", yscale="log", xlabel="dimension $d$", ylabel=measure, title=title)
        ticks = sorted({d for points in series.values() for d, _ in points})
        axis.set_xticks(ticks, [str(d) for d in ticks])
        axis.minorticks_off()
        axis.legend(fontsize=8)
    return fig
