"""Medians of calls timed in turn, and the machine they were timed on."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

WARM = 0.02  # seconds after which the threads of the call before no longer spin for more work


def medians(
    calls: dict[str, Callable[[], object]], repeats: int, warm_up: int = 3, again: bool = True
) -> dict[str, float]:
    """Median milliseconds of each call, all of them in turn in every round.

    With `again` a call is repeated for `WARM` seconds before it is timed, as in a loop of a solver.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(warm_up + repeats):
        for name, call in calls.items():
            until = time.perf_counter() + WARM
            while again and time.perf_counter() < until:
                call()
            start = time.perf_counter()
            call()
            if i >= warm_up:
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(t) for name, t in times.items()}


def entry(mine: float, peer: float, unit: str = "ms") -> dict:
    """One comparison, with the machine it was made on."""
    return {
        "ours": mine,
        "peer": peer,
        "ratio": peer / mine,
        "unit": unit,
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
