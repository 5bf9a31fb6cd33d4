"""Speed against other libraries, and of the schemes against each other.

`make bench` writes results/latest.json beside this file; `python -m benchmarks.run PART ...`
measures some of its parts again. `book/data/benchmarks.json`, which the book reads, is a copy.

Each entry holds medians in `unit`, `ratio` = peer / ours, and the machine. Ours and its peers are
first compared for equal results, then timed in turn in one process. The exit code is 1 when a
product with the metric misses its goal against a peer (`GOALS`) or the limit (`LIMITS`).
"""

from __future__ import annotations

import argparse
import json
import sys
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
    NeuralODE,
    Planar,
    Residual,
    State,
    Transform,
    gaussian_w2,
    minres,
    moments,
    problem,
)
from pwgf_core.flow import Scheme

from .examples import measure_examples
from .peers import PEERS, Product, ours, torch_func
from .roofline import (
    LIMITS,
    against_the_limit,
    bandwidth,
    growth_in_samples,
    growth_in_sizes,
    planar_case,
)
from .solvers import compare_auto
from .timing import entry, medians, processor

# How many times faster than each peer a product is meant to be, and how near to the limit.
GOALS = {"curvlinops": 12.0, "torch_func": 8.0, "jax_jvp_vjp": 4.0, "jax_linearize": 3.0}
EXTRA = 2  # iterations
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
        """Transform, θ, z and a direction."""
        return planar_case(self.dim, self.layers, self.n, self.dtype)


CASES = (
    Case(30, 60, 2000, torch.float32),
    Case(10, 60, 4000, torch.float32),
    Case(30, 120, 8000, torch.float32),
    Case(100, 200, 4000, torch.float32),
    Case(10, 80, 4000, torch.float32),
    Case(10, 80, 4000, torch.float64),
)


def check_equal(products: dict[str, Product], v: Tensor) -> None:
    """Raise `ArithmeticError` unless every product with v is that of `ours`, up to rounding."""
    expected = products["ours"](v)
    tolerance = 1e3 * torch.finfo(v.dtype).eps  # sums over thousands of samples
    for peer, product in products.items():
        gap = float((product(v) - expected).norm() / expected.norm())
        if not gap < tolerance:
            raise ArithmeticError(f"{peer} computes another product: relative gap {gap:.2e}")


def compare_products(case: Case, peers: tuple[str, ...], repeats: int) -> dict[str, dict]:
    """One product with Ĝ against each peer. Raises `ArithmeticError` if results differ."""
    transform, theta, z, v = case.build()
    products = {"ours": ours(transform, theta, z)}
    products |= {peer: PEERS[peer](transform, theta, z) for peer in peers}
    check_equal(products, v)
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

    calls: dict[str, Callable[[], object]] = {"ours": with_ours, "scipy": with_scipy}
    results = {"scipy": with_scipy()}
    linear_operator = linear_operator_minres(matvec, g, iterations)
    if linear_operator is not None:
        calls["linear_operator"] = linear_operator
        results["linear_operator"] = linear_operator()
    for peer, x in results.items():
        gap = np.linalg.norm(x - with_ours()) / np.linalg.norm(with_ours())
        if not gap < 1e-6:  # rounding, which every Lanczos step enlarges
            raise ArithmeticError(f"{peer} computes another iterate: relative gap {gap:.2e}")
    times = medians(calls, repeats, warm_up=1, again=False)
    name = f"minres_{iterations}_iterations_{case.name}"
    return {f"{name}_vs_{peer}": entry(times["ours"], times[peer]) for peer in results}


def linear_operator_minres(
    matvec: Product, g: Tensor, iterations: int
) -> Callable[[], np.ndarray] | None:
    """MINRES of linear_operator (GPyTorch), where it is installed. It makes two more iterations
    than it is asked for, the first of which has nothing to update yet."""
    try:
        from linear_operator import settings  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
        from linear_operator.utils.minres import minres as peer  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None

    def product(a: Tensor) -> Tensor:
        return matvec(a.reshape(-1)).reshape(a.shape)

    def solve() -> np.ndarray:
        with settings.minres_tolerance(1e-30):
            return peer(product, g, max_iter=iterations - EXTRA).reshape(-1).numpy()

    return solve


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
    times = medians(calls, repeats, warm_up=0, again=False)
    pairs = (
        ("explicit", "implicit"),
        ("explicit", "bilevel"),
        ("explicit", "bilevel_network"),
        ("implicit", "bilevel"),
        ("bilevel", "bilevel_network"),
    )
    return {f"step_ou_d2_N{samples}_{a}_vs_{b}": entry(times[a], times[b]) for a, b in pairs}


def compare_map(transform: Transform, n: int, repeats: int) -> dict[str, dict]:
    """Products of any other map, with what its Jacobian keeps, against fresh ones."""
    generator = Generator().manual_seed(0)
    theta = transform.init(generator, torch.float32)
    theta = theta + 0.05 * torch.randn(len(theta), generator=generator)
    z = Gaussian(transform.dim).sample(n, generator, torch.float32)
    v = torch.randn(len(theta), generator=generator)
    products = {"ours": ours(transform, theta, z), "torch_func": torch_func(transform, theta, z)}
    check_equal(products, v)
    times = medians({name: lambda p=p: p(v) for name, p in products.items()}, repeats)
    kind = type(transform).__name__.lower()
    name = f"metric_product_{kind}_d{transform.dim}_m{len(theta)}_N{n}_vs_torch_func"
    return {name: entry(times["ours"], times["torch_func"])}


def compare_with_the_limit(repeats: int) -> dict[str, dict]:
    """Products against the time of their operations at the rate of the library's own products."""
    results = {}
    copy = bandwidth(repeats)
    for dim, layers, n in LIMITS:
        found = against_the_limit(dim, layers, n, repeats)
        name = f"metric_product_d{dim}_K{layers}_N{n}_float32_vs_limit"
        more = {"library_gflops": found["library_gflops"], "copy_gb_per_s": copy}
        results[name] = entry(found["ours"], found["peer"]) | more
    return results


def compare_growth(repeats: int) -> dict[str, dict]:
    """The exponent of N against one, and the coefficients a, b of (a K d + b K²) N against those of
    the operations at the library's rate."""
    by_samples, by_sizes = growth_in_samples(repeats), growth_in_sizes(repeats)
    rate = against_the_limit(30, 120, 4000, repeats)["library_gflops"]
    misfit = {"largest_misfit": by_sizes["largest_misfit"]}
    return {
        "step_planar_d30_K60_growth_in_N_vs_linear": entry(
            by_samples["step_exponent"], 1.0, "exponent"
        ),
        "metric_product_d30_K60_growth_in_N_vs_linear": entry(
            by_samples["product_exponent"], 1.0, "exponent"
        ),
        "metric_product_per_KdN_vs_limit": entry(by_sizes["a_ps"], 12e3 / rate, "ps") | misfit,
        "metric_product_per_KKN_vs_limit": entry(by_sizes["b_ps"], 4e3 / rate, "ps") | misfit,
    }


def compare_all_products(repeats: int) -> dict[str, dict]:
    """Every case against every peer."""
    found = (compare_products(case, tuple(PEERS), repeats) for case in CASES)
    return {name: e for entries in found for name, e in entries.items()}


def compare_maps(repeats: int) -> dict[str, dict]:
    """Maps without products of their own."""
    network, flow = Residual(10, 128), NeuralODE(2, 64)
    return compare_map(network, 4000, repeats) | compare_map(flow, 2000, repeats)


PARTS: dict[str, Callable[[], dict[str, dict]]] = {
    "products": lambda: compare_all_products(repeats=40),
    "limit": lambda: compare_with_the_limit(repeats=40),
    "growth": lambda: compare_growth(repeats=15),
    "maps": lambda: compare_maps(repeats=30),
    "minres": lambda: compare_minres(CASES[-1], iterations=20, repeats=10),
    "schemes": lambda: compare_schemes(samples=2000, repeats=3),
    "solvers": lambda: compare_auto(repeats=9),
    "examples": measure_examples,
}


def missed(results: dict[str, dict]) -> list[str]:
    """What is below its goal, at the sizes of `LIMITS`."""
    lines = []
    for dim, layers, n in LIMITS:
        name = f"metric_product_d{dim}_K{layers}_N{n}_float32_vs_"
        goals = GOALS | {"limit": 1 / LIMITS[dim, layers, n]}
        for peer, goal in goals.items():
            found = results.get(name + peer)
            if found and found["ratio"] < goal:
                lines.append(f"{name}{peer}: {found['ratio']:.2f} < {goal:.2f}")
    return lines


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure speed against other libraries.")
    parser.add_argument("part", nargs="*", help=f"any of {', '.join(PARTS)}; by default all")
    names = parser.parse_args(arguments).part or list(PARTS)
    if wrong := [name for name in names if name not in PARTS]:
        parser.error(f"no part {wrong[0]!r}; parts are {', '.join(PARTS)}")
    results: dict[str, dict] = {}
    for name in names:
        results |= PARTS[name]()
    kept = json.loads(RESULTS.read_text()) if names != list(PARTS) and RESULTS.exists() else {}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept | results, indent=2) + "\n")
    for name, e in results.items():
        unit = e["unit"]
        print(f"{name:66} {e['ours']:9.2f} {unit} {e['peer']:9.2f} {unit} {e['ratio']:6.2f}")
    print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    lines = missed(results)
    for line in lines:
        print(f"below the goal: {line}", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
