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
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import minres as scipy_minres
from torch import Generator, Tensor
from torch.func import jvp, vjp

from pwgf_core import (
    BiLevel,
    BiLevelNetwork,
    Explicit,
    Gaussian,
    ImplicitRelaxed,
    Planar,
    RelaxedMetric,
    State,
    gaussian_w2,
    minres,
    moments,
    problem,
)
from pwgf_core.flow import Scheme

GOAL = 8.0
RESULTS = Path(__file__).parent / "results" / "latest.json"
Product = Callable[[Tensor], Tensor]


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
    Case(10, 80, 4000, torch.float32),
    Case(10, 80, 4000, torch.float64),
)


def ours(transform: Planar, theta: Tensor, z: Tensor) -> Product:
    """Frozen at (θ, z): the set-up is paid once, as in a MINRES solve."""
    metric = RelaxedMetric(transform.jacobian(theta, z))
    v = torch.zeros_like(theta)
    metric.matvec(v)  # fills the cached factors
    return metric.matvec


def torch_func(transform: Planar, theta: Tensor, z: Tensor) -> Product:
    """A fresh jvp and vjp through the layers, for each product."""

    def push(p: Tensor) -> Tensor:
        return transform(p, z)

    def product(v: Tensor) -> Tensor:
        dx = jvp(push, (theta,), (v,))[1]
        return vjp(push, theta)[1](dx)[0] / len(z)

    return product


class PlanarModule(torch.nn.Module):
    """The same flow as an ordinary module, layer by layer."""

    def __init__(self, transform: Planar, theta: Tensor) -> None:
        super().__init__()
        w, u, b = transform.split(theta)
        self.w, self.u, self.b = (torch.nn.Parameter(p.clone()) for p in (w, u, b))

    def forward(self, x: Tensor) -> Tensor:
        for w, u, b in zip(self.w, self.u, self.b, strict=True):
            x = x + torch.tanh(x @ w + b)[:, None] * u
        return x


def curvlinops(transform: Planar, theta: Tensor, z: Tensor) -> Product:
    """The Gauss–Newton operator of ½ d · mean squared error, whose Hessian is the identity / N."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it imports torch.jit.script
        from curvlinops import GGNLinearOperator  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    module = PlanarModule(transform, theta)
    operator = GGNLinearOperator(
        module,
        torch.nn.MSELoss(),
        list(module.parameters()),
        [(z, torch.zeros_like(z))],
        check_deterministic=False,
    )
    factor = transform.dim / 2

    def product(v: Tensor) -> Tensor:
        result = operator @ v
        assert isinstance(result, Tensor)
        return factor * result

    return product


PEERS: dict[str, Callable[[Planar, Tensor, Tensor], Product]] = {
    "torch_func": torch_func,
    "curvlinops": curvlinops,
}


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
