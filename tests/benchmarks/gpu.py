"""Checks on a CUDA device, in one call: `PYTHONPATH=tests python -m benchmarks.gpu`.

Not yet run on a GPU: of the four checks, `same_numbers` and `recorded` are tested on the processor.
Without a device it says so and ends well. It prints what it measures, and the exit code is 1 where

1. products in single precision differ from the processor's by more than 1e-5,
2. one product at (d, K, N) = (100, 200, 65536) runs below 40 % of the card's own rate for
   matrix products in single precision (TF32 off),
3. a solve waits for the device anywhere but in the norms and inner products of MINRES.

The recurrences of a product are hundreds of small operations on the device. They are recorded once
as a CUDA graph and replayed, so that launching them costs nothing: `recorded`.
"""

from __future__ import annotations

import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor

from pwgf_core import Planar, RelaxedMetric, minres

from .peers import Product, ours
from .roofline import operations, planar_case

SHARE = 0.4
LARGE = (100, 200, 65536)


def relative_gap(a: Tensor, b: Tensor) -> float:
    """|a − b| / |b|, on the processor."""
    a, b = a.cpu(), b.cpu()
    return float((a - b).norm() / b.norm())


def same_numbers(device: str, size: tuple[int, int, int] = (30, 60, 2000)) -> float:
    """The largest relative gap of x, score, products and Ĝv between a device and the processor."""
    transform, theta, z, v = planar_case(*size)
    here = transform.jacobian(theta, z)
    there = transform.jacobian(theta.to(device), z.to(device))
    r, w = here.jvp(v), v.to(device)
    pairs = (
        (there.x, here.x),
        (there.logdet, here.logdet),
        (there.score(-z.to(device)), here.score(-z)),
        (there.jvp(w), r),
        (there.vjp(r.to(device)), here.vjp(r)),
        (RelaxedMetric(there).matvec(w), RelaxedMetric(here).matvec(v)),
    )
    return max(relative_gap(a, b) for a, b in pairs)


def recorded(product: Product, v: Tensor) -> Product:
    """The same product, replayed from a CUDA graph; on the processor the product itself."""
    if v.device.type != "cuda":
        return product
    given = v.clone()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # a graph may only be recorded after a warm-up elsewhere
        for _ in range(3):
            product(given)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = product(given)

    def replay(v: Tensor) -> Tensor:
        given.copy_(v)
        graph.replay()
        return result.clone()

    return replay


def seconds(call: Callable[[], object], repeats: int = 20) -> float:
    """Seconds of one call, from many between two waits for the device."""
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / repeats


def matrix_rate(device: str, n: int = 8192) -> float:
    """Operations a second of a large product of matrices in single precision."""
    a = torch.ones(n, n, device=device)
    out = torch.empty_like(a)
    return 2 * n**3 / seconds(lambda: torch.mm(a, a, out=out))


def waits(product: Product, g: Tensor, iterations: int = 20) -> Counter[str]:
    """Where a MINRES solve waits for the device: file and function of the innermost caller in
    the package, with how often."""
    found: Counter[str] = Counter()

    def note(message: Warning | str, *_: object, **__: object) -> None:
        if "synchroniz" in str(message):
            frames = [f for f in traceback.extract_stack() if "pwgf_core" in f.filename]
            found[f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].name}"] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        torch.cuda.set_sync_debug_mode("warn")
        try:
            minres(product, g, tol=1e-14, max_iterations=iterations)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return found


def large_product(device: str) -> tuple[float, float, float]:
    """One product at `LARGE`: seconds on the device and the processor, operations a second."""
    transform, theta, z, v = planar_case(*LARGE)
    product = ours(transform, theta, z)
    here = seconds(lambda: product(v), repeats=2)
    there = on_device(transform, theta, z, device)
    fast = recorded(there, v.to(device))
    w = v.to(device)
    took = seconds(lambda: fast(w))
    return took, here, operations(*LARGE) / took


def on_device(transform: Planar, theta: Tensor, z: Tensor, device: str) -> Product:
    """The product of the package on a device."""
    return ours(transform, theta.to(device), z.to(device))


def main() -> int:
    if not torch.cuda.is_available():
        print("no CUDA device: nothing checked")
        return 0
    torch.backends.cuda.matmul.allow_tf32 = False
    device, wrong = "cuda", []
    print(torch.cuda.get_device_name(), "torch", torch.__version__)

    gap = same_numbers(device)
    print(f"largest relative gap to the processor: {gap:.2e}")
    if not gap < 1e-5:
        wrong.append("numbers")

    took, here, rate = large_product(device)
    card = matrix_rate(device)
    print(
        f"product at (d, K, N) = {LARGE}: {1e3 * took:.2f} ms, {rate / 1e12:.2f} of "
        f"{card / 1e12:.2f} TFLOP/s ({rate / card:.0%}); the processor with "
        f"{torch.get_num_threads()} threads takes {here / took:.0f} times as long"
    )
    if rate < SHARE * card:
        wrong.append("rate")

    transform, theta, z, v = planar_case(30, 60, 2000)
    product = on_device(transform, theta, z, device)
    found = waits(product, product(v.to(device)))
    print("waits for the device in 20 iterations:", dict(found))
    if any(not place.startswith("krylov.py") for place in found):
        wrong.append("waits")

    print("missed: " + ", ".join(wrong) if wrong else "all as wanted")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
