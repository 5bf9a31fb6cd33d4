"""Speed against other libraries, and of the schemes against each other.

`make bench` writes results/latest.json beside this file.

Each entry holds medians in `unit`, `ratio` = peer / ours, and the machine. Ours and its peers are
first compared for equal results, then timed in turn in one process. The exit code is 1 when a
product with the metric at the first size is less than `GOAL` times faster than a peer.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import minres as scipy_minres
from torch import Generator, Tensor

from pwgf_core import (
    BiLevel,
    BiLevelNetwork,
    Explicit,
    Gaussian,
    ImplicitRelaxed,
    Planar,
    State,
    gaussian_w2,
    minres,
    moments,
    problem,
)
from pwgf_core.flow import Scheme

from .peers import PEERS, Product, ours

# How many times faster than each peer a product is meant to be, and how near to the limit.
GOALS = {"curvlinops": 12.0, "torch_func": 8.0, "jax_jvp_vjp": 4.0, "jax_linearize": 3.0}
RESULTS = Path(__file__).parent / "results" / "latest.json"


@dataclass(frozen=True)
class Case:
    """A planar flow at random parameters on a random sample."""

    dim: int
    layers: int
    n: int
    dtype: torch.dtype

    @property
    def name(self) -> str:
        kind = str(self.dtype).removeprefix("torch.")
        return f"d{self.dim}_K{self.layers}_N{self.n}_{kind}"

    def build(self) -> tuple[Planar, Tensor, Tensor, Tensor]:
        """Transform, θ, z and a direction; u is small enough to keep every layer invertible."""
        generator = Generator().manual_seed(0)
        transform = Planar(self.dim, self.layers)
        theta = transform.init(generator, self.dtype)
        theta = theta + 0.05 * torch.randn(len(theta), generator=generator, dtype=self.dtype)
        z = Gaussian(self.dim).sample(self.n, generator, self.dtype)
        return transform, theta, z, torch.randn(len(theta), generator=generator, dtype=self.dtype)


CASES = (
    Case(30, 60, 2000, torch.float32),
    Case(10, 60, 4000, torch.float32),
    Case(30, 120, 8000, torch.float32),
    Case(100, 200, 4000, torch.float32),
    Case(10, 80, 4000, torch.float32),
    Case(10, 80, 4000, torch.float64),
)


def medians(calls: dict[str, Callable[[], object]], repeats: int, warm_up: int = 3) -> dict:
    """Median milliseconds of each call, all of them in turn in every round."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(warm_up + repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if i >= warm_up:
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(t) for name, t in times.items()}


def compare_products(case: Case, peers: tuple[str, ...], repeats: int) -> dict[str, dict]:
    """One product with Ĝ against each peer. Raises `ArithmeticError` if results differ."""
    transform, theta, z, v = case.build()
    products = {"ours": ours(transform, theta, z)}
    products |= {peer: PEERS[peer](transform, theta, z) for peer in peers}
    expected = products["ours"](v)
    tolerance = 1e3 * torch.finfo(case.dtype).eps  # sums over thousands of samples
    for peer in peers:
        gap = float((products[peer](v) - expected).norm() / expected.norm())
        if not gap < tolerance:
            raise ArithmeticError(f"{peer} computes another product: relative gap {gap:.2e}")
    times = medians({name: lambda p=p: p(v) for name, p in products.items()}, repeats)
    return {
        f"metric_product_{case.name}_vs_{peer}": entry(times["ours"], times[peer]) for peer in peers
    }


def compare_minres(case: Case, iterations: int, repeats: int) -> dict[str, dict]:
    """The same number of MINRES iterations on one metric; ours adds the true residual."""
    transform, theta, z, v = case.build()
    matvec = ours(transform, theta, z)
    g = matvec(v)
    numpy_g = g.numpy()

    def product(a: np.ndarray) -> np.ndarray:
        return matvec(torch.from_numpy(a)).numpy()

    shape, kind = (len(g), len(g)), numpy_g.dtype
    operator = LinearOperator(shape, matvec=product, dtype=kind)  # pyright: ignore[reportCallIssue]

    def with_scipy() -> np.ndarray:
        return scipy_minres(operator, numpy_g, rtol=1e-14, maxiter=iterations)[0]

    def with_ours() -> np.ndarray:
        return minres(matvec, g, tol=1e-14, max_iterations=iterations).x.numpy()

    gap = np.linalg.norm(with_scipy() - with_ours()) / np.linalg.norm(with_ours())
    if not gap < 1e-6:  # rounding, which every Lanczos step enlarges
        raise ArithmeticError(f"scipy computes another iterate: relative gap {gap:.2e}")
    times = medians({"ours": with_ours, "scipy": with_scipy}, repeats, warm_up=1)
    name = f"minres_{iterations}_iterations_{case.name}_vs_scipy"
    return {name: entry(times["ours"], times["scipy"])}


def compare_schemes(samples: int, repeats: int, h: float = 0.05) -> dict[str, dict]:
    """One step of a planar flow, explicit, implicit and bi-level, the schemes against each other.

    It is the second step: at the start of a planar flow most of Ĝ is zero.

    Raises `ArithmeticError` if they lead to different densities, W2 > 0.02 between Gaussians.
    """
    flow = problem("ornstein_uhlenbeck")
    z = flow.model.reference.draw(samples, Generator().manual_seed(0), sampling="matched")
    start, _ = Explicit(h).step(flow, State(flow.theta0), z)
    schemes: dict[str, Scheme] = {
        "explicit": Explicit(h),
        "implicit": ImplicitRelaxed(h, tol=1e-6),
        "bilevel": BiLevel(h, tol=1e-6),
        "bilevel_network": BiLevelNetwork(h, outer=100),
    }
    ends = {
        name: moments(flow.model.cloud(scheme.step(flow, start, z)[0].theta, z).x)
        for name, scheme in schemes.items()
    }
    for name, end in ends.items():
        gap = gaussian_w2(*end, *ends["bilevel"])
        if not gap < 0.02:
            raise ArithmeticError(f"{name} takes another step: W2 {gap:.2e}")
    calls: dict[str, Callable[[], object]] = {
        name: partial(scheme.step, flow, start, z) for name, scheme in schemes.items()
    }
    times = medians(calls, repeats, warm_up=0)
    pairs = (
        ("explicit", "implicit"),
        ("explicit", "bilevel"),
        ("explicit", "bilevel_network"),
        ("implicit", "bilevel"),
        ("bilevel", "bilevel_network"),
    )
    return {f"step_ou_d2_N{samples}_{a}_vs_{b}": entry(times[a], times[b]) for a, b in pairs}


def entry(mine: float, peer: float) -> dict:
    """One comparison, with the machine it was made on."""
    return {
        "ours": mine,
        "peer": peer,
        "ratio": peer / mine,
        "unit": "ms",
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


def main() -> int:
    results: dict[str, dict] = {}
    for case in CASES:
        results |= compare_products(case, tuple(PEERS), repeats=60)
    results |= compare_minres(CASES[-1], iterations=20, repeats=10)
    results |= compare_schemes(samples=2000, repeats=3)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    for name, e in results.items():
        print(
            f"{name:62} {e['ours']:9.2f} {e['unit']} {e['peer']:9.2f} {e['unit']} {e['ratio']:6.2f}"
        )
    print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    slow = [n for n, e in results.items() if CASES[0].name in n and e["ratio"] < GOAL]
    for name in slow:
        print(f"below the goal of {GOAL:g}: {name}", file=sys.stderr)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
