"""Dot plots of positive numbers, such as times and their ratios."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from ..errors import check_positive
from .base import EXACT, MODEL, OTHER, figure

LOOKS = [(MODEL, "o"), (EXACT, "s"), (OTHER, "^"), ("#CC79A7", "D"), ("#E69F00", "v"), ("k", "P")]


def dots(
    rows: Mapping[str, Mapping[str, float]],
    label: str,
    goals: Mapping[str, float] | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Positive numbers on a logarithmic axis, a row for each name and a marker for each series.

    `goals` are marked by an upright line in their rows; `limits` are the ends of the axis.

    Raises `ValueError` for a number that is not positive, more than six series, and a goal
    without a row.

    >>> fig = dots({"peer": {"N = 10": 2.0, "N = 20": 5.0}}, "times slower", {"peer": 3.0})
    >>> [line.get_label() for line in fig.axes[0].lines]
    ['N = 10', 'N = 20', 'goal']
    """
    goals = goals or {}
    series = list(dict.fromkeys(name for row in rows.values() for name in row))
    if len(series) > len(LOOKS):
        raise ValueError(f"rows must have at most {len(LOOKS)} series, got {len(series)}")
    for values in (*rows.values(), goals):
        for name, value in values.items():
            check_positive(name, value)
    fig, (axis,) = figure(1, width=7.2, height=1.4 + 0.4 * len(rows))
    places = {name: place for place, name in enumerate(rows)}
    for name, (colour, marker) in zip(series, LOOKS, strict=False):
        found = [(row[name], places[key]) for key, row in rows.items() if name in row]
        axis.plot(*zip(*found, strict=True), marker, color=colour, alpha=0.8, label=name)
    for i, (name, value) in enumerate(goals.items()):
        if name not in rows:
            raise ValueError(f"goals must name rows among {', '.join(rows)}, got {name!r}")
        label_once = "goal" if i == 0 else "_goal"
        axis.plot([value], [places[name]], "|", color="k", ms=18, mew=2, label=label_once)
    axis.set(xscale="log", xlabel=label, xlim=limits, ylim=(len(rows) - 0.5, -0.5))
    axis.xaxis.set_major_formatter(LogFormatter())
    axis.xaxis.set_minor_formatter(LogFormatter())
    axis.set_yticks(list(places.values()), list(places))
    if len(series) + len(goals) > 1:
        axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return fig
