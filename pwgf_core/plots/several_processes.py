"""Scaling over processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from ..diagnostics.scaling import Machine
from .base import EXACT, MODEL, OTHER, figure

LOOKS = [(MODEL, "o-"), (EXACT, "s-"), (OTHER, "^-"), ("#CC79A7", "D-")]


def scaling(
    machine: Machine,
    dim: int,
    layers: int,
    samples: Sequence[int],
    each: Sequence[int],
    processes: Sequence[int],
    measured: Mapping[int, float] | None = None,
) -> Figure:
    """Modelled speed-up of a product for `samples`, and efficiency with `each` for every process.

    `measured` are speed-ups by the number of processes, crosses on the left.
    """
    fig, (left, right) = figure(2, width=3.9, height=3.5)
    for n, (colour, line) in zip(samples, LOOKS, strict=False):
        counts = [p for p in processes if p <= n]
        speed_ups = [machine.speed_up(dim, layers, n, p) for p in counts]
        left.plot(counts, speed_ups, line, color=colour, ms=3, label=f"$N={n}$")
    for n, (colour, line) in zip(each, LOOKS, strict=False):
        efficiencies = [machine.efficiency(dim, layers, n, p) for p in processes]
        right.plot(processes, efficiencies, line, color=colour, ms=3, label=f"$N={n}P$")
    left.plot(processes, processes, ":", color="#888888", lw=1, label="$P$")
    if measured:
        left.plot(list(measured), list(measured.values()), "kx", ms=8, label="measured")
    left.set(xscale="log", yscale="log", title="one sample: speed-up")
    right.set(xscale="log", ylim=(0, 1.05), title="a sample a process: efficiency")
    for axis in (left, right):
        axis.set_xlabel("processes $P$")
        axis.legend(fontsize=8)
    return fig
