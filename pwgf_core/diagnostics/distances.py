"""Distances between samples: W2 on the line, sliced, discrete; the energy distance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from ..errors import check_count, check_memory, check_points, check_real, check_type, check_values


def w2_1d(x: Tensor, y: Tensor | Callable[[Tensor], Tensor]) -> float:
    """W2 between a sample x, shape (n,), and a sample y, shape (k,), or a law on the line.

    W2² = ∫₀¹ |F⁻¹(u) − G⁻¹(u)|² du, exact between two samples of any sizes. A law is given by its
    quantile function G⁻¹, (n,) → (n,), and compared at u_i = (i − ½)/n, so that the best sample of
    n points has distance 0.

    Raises `ValueError` for other shapes and empty samples.

    >>> w2_1d(torch.tensor([0.0, 1.0]), torch.tensor([3.0]))
    2.5495097567963922
    >>> w2_1d(torch.tensor([0.75, 0.25]), lambda u: u)  # the uniform law
    0.0
    """
    x = _sorted("x", x)
    n = len(x)
    if callable(y):
        u = (torch.arange(n, dtype=torch.float64) + 0.5) / n
        y = y(u)
        check_real("y(u)", y, (n,))
        y = y.double().cpu()
        check_values("y(u)", y)
        return math.sqrt(float((x - y).square().mean()))
    y = _sorted("y", y)
    k = len(y)
    if n == k:
        return math.sqrt(float((x - y).square().mean()))
    # Breakpoints i/n and j/k as multiples of 1/(nk): exact integers.
    ends = torch.cat([k * torch.arange(1, n + 1), n * torch.arange(1, k + 1)]).unique()
    starts = torch.cat([torch.zeros(1, dtype=ends.dtype), ends[:-1]])
    squared = (x[starts // k] - y[starts // n]).square()
    return math.sqrt(float((squared * (ends - starts)).sum()) / (n * k))


def _sorted(name: str, x: Tensor) -> Tensor:
    check_real(name, x, (None,))
    if len(x) == 0:
        raise ValueError(f"{name} must hold at least one point, got none")
    check_values(name, x)
    return x.detach().double().cpu().sort().values


def _points(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    check_points("x", x, least=2)
    check_points("y", y, x.shape[1], least=2)
    check_values("x", x)
    check_values("y", y)
    return x.detach().double().cpu(), y.detach().double().cpu()


def sliced_w2(x: Tensor, y: Tensor, generator: Generator, directions: int = 100) -> float:
    """Sliced W2 between samples x (n, d) and y (k, d): (mean over w of W2²(x·w, y·w))^½.

    The unit vectors w are drawn from the generator, uniform on the sphere. It is at most W2/√d.

    Source: N. Bonneel et al., Sliced and Radon Wasserstein barycenters, JMIV 51, 2015.

    >>> x = torch.zeros(3, 2)
    >>> w = sliced_w2(x, x + torch.tensor([1.0, 0.0]), torch.Generator().manual_seed(0), 20000)
    >>> abs(w - 0.5**0.5) < 1e-2
    True
    """
    x, y = _points(x, y)
    check_count("directions", directions)
    check_type("generator", generator, Generator)
    check_memory("directions", directions, 2 * float(directions) * x.shape[1])
    w = torch.randn(directions, x.shape[1], generator=generator, device=generator.device)
    w = torch.nn.functional.normalize(w.double().cpu())
    squares = [w2_1d(x @ v, y @ v) ** 2 for v in w]
    return math.sqrt(sum(squares) / directions)


class DiscreteW2(NamedTuple):
    """W2 between two samples, and its sampling floor: W2 between two samples of one law.

    `floor` is NaN where no second sample of the law was given. A value near the floor says only
    that the laws cannot be told apart by samples of this size.
    """

    value: float
    floor: float


def discrete_w2(x: Tensor, y: Tensor, second: Tensor | None = None) -> DiscreteW2:
    """W2 between samples x (n, d) and y (k, d) of equal weights, by linear programming.

    `second`, shape (n, d), is another independent sample of the law of y; it gives the floor
    W2(second, y), which falls like n^{−1/d} for d > 4 and is far from small in high dimension.

    Raises `ValueError` for shapes that disagree, `ImportError` without the package POT.

    Source: R. Flamary et al., POT: Python optimal transport, JMLR 22, 2021.

    >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    >>> discrete_w2(x, x.flip(0) + torch.tensor([0.0, 2.0]))
    DiscreteW2(value=2.0, floor=nan)
    """
    x, y = _points(x, y)
    check_memory("x and y", (len(x), len(y)), float(len(x)) * len(y))
    floor = math.nan
    if second is not None:
        check_real("second", second, (len(x), x.shape[1]))
        check_values("second", second)
        floor = _discrete(second.detach().double().cpu(), y)
    return DiscreteW2(_discrete(x, y), floor)


def _discrete(x: Tensor, y: Tensor) -> float:
    try:
        import ot  # noqa: PLC0415, an optional dependency that takes a second to import
    except ImportError as error:
        raise ImportError("discrete_w2 needs the package POT: pip install POT") from error
    cost = ot.dist(x.numpy(), y.numpy(), metric="sqeuclidean")
    value: Any = ot.emd2([], [], cost, numItermax=10**7)
    return math.sqrt(max(0.0, float(value)))


def energy_distance(x: Tensor, y: Tensor, distinct: bool = True, block: int = 2**22) -> float:
    """2E|x − y| − E|x − x′| − E|y − y′| of samples x (n, d) and y (k, d).

    Over pairs of `distinct` points it estimates, without bias for independent points, a squared
    distance that vanishes only between equal laws; so it may come out slightly below 0. Over all
    pairs it is that distance between the two point sets themselves, never below 0 but too large
    for random ones: for low-discrepancy points. At most `block` pairs are in memory at a time.

    Source: G. J. Székely, M. L. Rizzo, Energy statistics, J. Stat. Plan. Inference 143, 2013.

    >>> energy_distance(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [1.0]]))
    0.0
    >>> energy_distance(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [1.0]]), distinct=False)
    1.0
    """
    x, y = _points(x, y)
    check_count("block", block)
    check_type("distinct", distinct, bool)
    n, k = len(x), len(y)

    def total(a: Tensor, b: Tensor) -> float:
        rows = max(1, block // len(b))
        return sum(float(torch.cdist(part, b).sum()) for part in a.split(rows))

    within = total(x, x) / (n * (n - distinct)) + total(y, y) / (k * (k - distinct))
    return 2 * total(x, y) / (n * k) - within
