"""The limit of a product with Ĝ, and how its time grows with N, K and d, in the same run.

A product needs (12 K d + 4 K²) N operations: six products of K × d numbers per sample, and four
with half of K × K. The limit is their time at the rate of the library's own matrix products of
these shapes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Generator, Tensor

from pwgf_core import Gaussian, Planar

from .peers import ours
from .timing import medians

# A product is meant to take at most this many times its limit, by (d, K, N).
LIMITS = {(10, 60, 4000): 3.0, (30, 60, 2000): 3.0, (30, 120, 8000): 2.0, (100, 200, 4000): 2.0}
SAMPLES = (1000, 2000, 4000, 8000, 16000)
SIZES = ((10, 60), (10, 120), (10, 200), (30, 60), (30, 120), (30, 200), (60, 60), (60, 120))


def operations(dim: int, layers: int, n: int) -> int:
    """Multiplications and additions of one product."""
    return (12 * layers * dim + 4 * layers**2) * n


def planar_case(
    dim: int, layers: int, n: int, dtype: torch.dtype = torch.float32
) -> tuple[Planar, Tensor, Tensor, Tensor]:
    """Transform, θ, z and a direction; u is small enough to keep every layer invertible."""
    generator = Generator().manual_seed(0)
    transform = Planar(dim, layers)
    theta = transform.init(generator, dtype)
    noise = torch.randn(len(theta), generator=generator, dtype=dtype)
    theta = theta + 0.05 * min(1.0, (30 / dim) ** 0.5) * noise
    z = Gaussian(dim).sample(n, generator, dtype)
    return transform, theta, z, torch.randn(len(theta), generator=generator, dtype=dtype)


def matrix_products(dim: int, layers: int, n: int) -> tuple[Callable[[], object], int]:
    """The library's products of the shapes that a product with Ĝ has, and their operations."""
    wide = torch.ones(layers, dim + layers), torch.ones(dim + layers, n), torch.empty(layers, n)
    thin = torch.ones(dim, layers), torch.ones(layers, n), torch.empty(dim, n)
    sums = torch.empty(layers, dim + layers)

    def call() -> None:
        torch.mm(wide[0], wide[1], out=wide[2])
        torch.mm(thin[0], thin[1], out=thin[2])
        torch.mm(wide[2], wide[1].T, out=sums)

    return call, 2 * n * layers * (2 * (dim + layers) + dim)


def against_the_limit(dim: int, layers: int, n: int, repeats: int) -> dict[str, float]:
    """Milliseconds of a product and of its limit, their ratio, and the rate in GFLOP/s."""
    transform, theta, z, v = planar_case(dim, layers, n)
    product = ours(transform, theta, z)
    call, count = matrix_products(dim, layers, n)
    times = medians({"ours": lambda: product(v), "library": call}, repeats)
    rate = count / times["library"] / 1e6
    limit = operations(dim, layers, n) / rate / 1e6
    mine = times["ours"]
    return {"ours": mine, "peer": limit, "ratio": limit / mine, "library_gflops": rate}


def bandwidth(repeats: int, numbers: int = 2**25) -> float:
    """GB/s of copying one large array to another, read and written."""
    source, target = torch.ones(numbers), torch.empty(numbers)
    (time,) = medians({"copy": lambda: target.copy_(source)}, repeats).values()
    return 2 * source.element_size() * numbers / time / 1e6


def exponent(sizes: tuple[int, ...], times: list[float]) -> float:
    """The slope p of log time = p log size + constant by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def growth_in_samples(repeats: int, dim: int = 30, layers: int = 60) -> dict[str, float]:
    """Set-up, product and score at each N, in milliseconds, and the exponents of N."""
    steps: dict[int, float] = {}
    products: dict[int, float] = {}
    for n in SAMPLES:
        transform, theta, z, v = planar_case(dim, layers, n)

        def step(transform=transform, theta=theta, z=z, v=v) -> None:
            jacobian = transform.jacobian(theta, z)
            r = jacobian.score(-z)
            for _ in range(10):
                r = jacobian.jvp(v)
                jacobian.vjp(r)

        product = ours(transform, theta, z)
        calls = {"step": step, "product": lambda product=product, v=v: product(v)}
        times = medians(calls, repeats)
        steps[n], products[n] = times["step"], times["product"]
    return {
        "step_exponent": exponent(SAMPLES, list(steps.values())),
        "product_exponent": exponent(SAMPLES, list(products.values())),
        **{f"step_N{n}": t for n, t in steps.items()},
    }


def growth_in_sizes(repeats: int, n: int = 4000) -> dict[str, float]:
    """a and b of time = (a K d + b K²) N in picoseconds, and the largest relative misfit."""
    rows, times = [], []
    for dim, layers in SIZES:
        transform, theta, z, v = planar_case(dim, layers, n)
        product = ours(transform, theta, z)
        times.append(medians({"ours": lambda: product(v)}, repeats)["ours"])  # noqa: B023
        rows.append([layers * dim * n, layers**2 * n])
    weight = np.array(times)
    matrix = np.array(rows) / weight[:, None]  # relative errors count alike
    (a, b), *_ = np.linalg.lstsq(matrix, np.ones(len(weight)), rcond=None)
    misfit = np.abs(matrix @ [a, b] - 1).max()
    return {"a_ps": 1e9 * a, "b_ps": 1e9 * b, "largest_misfit": float(misfit)}
