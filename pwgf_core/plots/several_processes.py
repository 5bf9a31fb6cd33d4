"""Scaling over processes, and the growth of rounding in a solve."""

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
    processes: Sequence[int],
    measured: Mapping[int, float] | None = None,
) -> Figure:
    """Modelled speed-up of a product for samples of each size, and efficiency at N per process.

    `measured` are speed-ups by the number of processes, crosses on the left.
    """
    fig, (left, right) = figure(2, width=3.9, height=3.5)
    for n, (colour, line) in zip(samples, LOOKS, strict=False):
        label = f"$N={n}$"
        speed_ups = [machine.speed_up(dim, layers, n, p) for p in processes if p <= n]
        left.plot(processes[: len(speed_ups)], speed_ups, line, color=colour, ms=3, label=label)
        efficiencies = [machine.efficiency(dim, layers, n, p) for p in processes]
        right.plot(processes, efficiencies, line, color=colour, ms=3, label=label + " each")
    left.plot(processes, processes, ":", color="#888888", lw=1, label="$P$")
    if measured:
        left.plot(list(measured), list(measured.values()), "kx", ms=8, label="measured")
    left.set(xscale="log", yscale="log", title="one sample: speed-up")
    right.set(xscale="log", ylim=(0, 1.05), title="a sample a process: efficiency")
    for axis in (left, right):
        axis.set_xlabel("processes $P$")
        axis.legend(fontsize=8)
    return fig


def rounding(tolerances: Sequence[float], series: Mapping[str, Sequence[float]]) -> Figure:
    """Relative gaps between two orders of summation, against the tolerance of the solve."""
    fig, (axis,) = figure(1, width=4.6, height=3.4)
    for (name, gaps), (colour, line) in zip(series.items(), LOOKS, strict=False):
        axis.plot(tolerances, gaps, line, color=colour, label=name)
    axis.plot(tolerances, tolerances, ":", color="#888888", lw=1, label="tolerance")
    axis.set(xscale="log", yscale="log", xlabel="tolerance of MINRES", ylabel="relative gap")
    axis.invert_xaxis()
    axis.legend(fontsize=8)
    return fig
