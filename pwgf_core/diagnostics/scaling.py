"""Time of a product with Ĝ on P processes: a share of the sample, and one all-reduce."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import check_count, check_positive


@dataclass(frozen=True)
class Machine:
    """Processes with `rate` operations a second, and messages of α + β k seconds for k numbers.

    α = `latency`, β = `transfer`. An all-reduce of k numbers over P processes takes
    2α⌈log₂P⌉ + 2βk(P − 1)/P, by halving and doubling (Thakur, Rabenseifner, Gropp, Int. J. High
    Performance Computing Applications 19, 2005).

    Raises `ValueError` unless all three are positive.

    >>> machine = Machine(rate=1e10, latency=2e-6, transfer=1e-9)
    >>> one, many = (machine.product(dim=30, layers=120, samples=2**20, processes=p)
    ...              for p in (1, 1024))
    >>> round(one, 2), round(one / many)
    (10.57, 1019)
    """

    rate: float
    latency: float
    transfer: float

    def __post_init__(self) -> None:
        for name in ("rate", "latency", "transfer"):
            check_positive(name, getattr(self, name))

    def compute(self, dim: int, layers: int, samples: float) -> float:
        """Seconds of a product with Ĝ of a planar flow on one process: (12Kd + 4K²)N/rate."""
        check_count("dim", dim)
        check_count("layers", layers)
        check_positive("samples", samples)
        return (12 * layers * dim + 4 * layers**2) * samples / self.rate

    def all_reduce(self, numbers: int, processes: int) -> float:
        """Seconds of the sum of as many numbers over all processes."""
        check_count("numbers", numbers)
        check_count("processes", processes)
        rounds = math.ceil(math.log2(processes))
        volume = numbers * (processes - 1) / processes
        return 2 * self.latency * rounds + 2 * self.transfer * volume

    def product(self, dim: int, layers: int, samples: int, processes: int) -> float:
        """Seconds of a product with N/P samples a process and one all-reduce of m = (2d + 1)K."""
        check_count("samples", samples)
        check_count("processes", processes)
        share = self.compute(dim, layers, samples / processes)
        return share + self.all_reduce((2 * dim + 1) * layers, processes)

    def speed_up(self, dim: int, layers: int, samples: int, processes: int) -> float:
        """Time of one process over that of P, for the same sample: P at best."""
        one = self.product(dim, layers, samples, 1)
        return one / self.product(dim, layers, samples, processes)

    def efficiency(self, dim: int, layers: int, samples: int, processes: int) -> float:
        """Time of one process with N samples over that of P with N each: 1 at best."""
        check_count("processes", processes)
        one = self.product(dim, layers, samples, 1)
        return one / self.product(dim, layers, samples * processes, processes)
