"""The problems on which the methods are compared: what a method is told, and how it is judged."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from execute import BOOK
from pwgf_core import (
    Aggregation2D,
    BarenblattSolution,
    FokkerPlanck1D,
    Gaussian,
    GaussianSolution,
    OrnsteinUhlenbeck,
    gaussian_w2,
    problem,
)
from pwgf_core.reference import Barenblatt
from rivals import lattice, stein_discrepancy

JKO = BOOK / "data" / "ornstein_uhlenbeck_jko.json"
QUANTILES = 65536
STEIN_POINTS = 1024  # the first ones; a power of two keeps Sobol points even
Quantile = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Points:
    """What a method delivers: points x (n, d), weights (n,) or equal ones, and where they began."""

    x: Tensor
    weights: Tensor | None = None
    start: Tensor | None = None


@dataclass(frozen=True)
class Case:
    """A problem: its data, and `errors`, the distances of points to ρ_t and to the equilibrium.

    `metrics` names them: `flow` is the distance to ρ_t at t = `t`, `equilibrium` that to ρ_∞,
    `stein` the kernel Stein discrepancy to ρ_∞ of at most 1024 points.
    `gradient` is ∇V, None without a potential. `exact(n, generator)` draws from ρ_t.
    """

    name: str
    dim: int
    t: float
    errors: Callable[[Points], dict[str, float]]
    exact: Callable[[int, Generator], Points] | None = None
    gradient: Callable[[Tensor], Tensor] | None = None
    diffusion: float = 1.0
    metrics: tuple[str, ...] = ("flow", "equilibrium")
    floor_sizes: tuple[int, ...] = (100, 1000, 10000, 100000)


def floor(case: Case, n: int, generator: Generator) -> float:
    """The error of n independent points of ρ_t itself."""
    assert case.exact is not None
    return case.errors(case.exact(n, generator))["flow"]


def weights_of(points: Points) -> Tensor:
    n = len(points.x)
    equal = torch.full((n,), 1 / n, dtype=torch.float64)
    return equal if points.weights is None else points.weights.double()


def weighted_moments(points: Points) -> tuple[Tensor, Tensor]:
    """Mean and covariance of weighted points, in double precision."""
    x, w = points.x.double(), weights_of(points)
    mean = w @ x
    centred = x - mean
    return mean, (centred * w[:, None]).T @ centred


def w2_line(x: Tensor, weights: Tensor, quantile: Quantile) -> float:
    """W2 between weighted points (n,) and a law on the line, by the midpoint rule in u."""
    x, order = x.double().sort()
    ends = weights[order].cumsum(0)
    count = max(QUANTILES, len(x))
    u = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    index = torch.searchsorted(ends / ends[-1], u).clamp(max=len(x) - 1)
    return math.sqrt(float((x[index] - quantile(u)).square().mean()))


def gaussian_case(name: str, law: GaussianSolution, t: float) -> Case:
    """An Ornstein–Uhlenbeck problem, judged by the Bures–Wasserstein distance of the moments."""
    end, rest = (law.mean(t), law.covariance(t)), (law.mu, law.covariance(1e6))
    factor = torch.linalg.cholesky(end[1])
    precision = law.precision

    def errors(points: Points) -> dict[str, float]:
        found = weighted_moments(points)
        part = slice(STEIN_POINTS)
        w = weights_of(points)[part]
        stein = stein_discrepancy(score, points.x[part].double(), w / w.sum())
        bures = [gaussian_w2(*found, *law_at) for law_at in (end, rest)]
        return {"flow": bures[0], "equilibrium": bures[1], "stein": stein}

    def score(x: Tensor) -> Tensor:
        return -gradient(x) / law.diffusion

    def exact(n: int, generator: Generator) -> Points:
        z = torch.randn(n, len(law.mu), generator=generator, dtype=torch.float64)
        return Points(end[0] + z @ factor.T)

    def gradient(x: Tensor) -> Tensor:
        return (x - law.mu.to(x)) @ precision.to(x)

    metrics = ("flow", "equilibrium", "stein")
    return Case(name, len(law.mu), t, errors, exact, gradient, law.diffusion, metrics)


def ou_law(name: str) -> GaussianSolution:
    law = problem(name, transform="affine").exact
    assert isinstance(law, GaussianSolution)
    return law


def jko_targets() -> list[dict]:
    """The published targets in six dimensions, with the figures published for them."""
    return json.loads(JKO.read_text())["cases"]


def jko_law(target: dict) -> OrnsteinUhlenbeck:
    return OrnsteinUhlenbeck(torch.tensor(target["mean"]), torch.tensor(target["cov"]))


def product_case(
    name: str, dim: int, t: float, law: FokkerPlanck1D, gradient: Callable[[Tensor], Tensor]
) -> Case:
    """A product of equal laws on the line, judged by the mean of W2 over the coordinates."""
    mass = law.equilibrium().cumsum(0)
    grid = torch.from_numpy(law.edges[1:])

    def rest(u: Tensor) -> Tensor:
        i = torch.searchsorted(mass / mass[-1], u).clamp(1, len(mass) - 1)
        part = (u * mass[-1] - mass[i - 1]) / (mass[i] - mass[i - 1])
        return torch.lerp(grid[i - 1], grid[i], part)

    def errors(points: Points) -> dict[str, float]:
        w = weights_of(points)
        columns = points.x.T
        pair = {"flow": lambda u: law.quantile(u, t), "equilibrium": rest}
        return {k: sum(w2_line(c, w, q) for c in columns) / dim for k, q in pair.items()}

    def exact(n: int, generator: Generator) -> Points:
        u = torch.rand(n * dim, generator=generator, dtype=torch.float64)
        return Points(law.quantile(u, t).reshape(n, dim))

    return Case(name, dim, t, errors, exact, gradient, law.diffusion)


def well_law(cells: int = 4000, dt: float = 5e-4) -> FokkerPlanck1D:
    """V = (x² − 1)²/4, D = 1/4, from N(0, 1)."""
    return FokkerPlanck1D(
        lambda x: (x * x - 1) ** 2 / 4,
        lambda x: torch.exp(-x * x / 2),
        (-8, 8),
        cells,
        0.25,
        dt,
    )


def styblinski_tang_law(cells: int = 4000, dt: float = 5e-4) -> FokkerPlanck1D:
    """V = (x⁴ − 16x² + 5x)/50, D = 1, from N(0, 1): every marginal of the problem in 30-D."""
    return FokkerPlanck1D(
        lambda x: (x**4 - 16 * x**2 + 5 * x) / 50,
        lambda x: torch.exp(-x * x / 2),
        (-10, 10),
        cells,
        1.0,
        dt,
    )


def well_slope(x: Tensor) -> Tensor:
    return x * (x * x - 1)


def styblinski_tang_slope(x: Tensor) -> Tensor:
    return x * (0.08 * x * x - 0.64) + 0.1


def map_case(name: str, t: float, law: Aggregation2D | BarenblattSolution) -> Case:
    """Judged by the root of ∫|T − T*|² over the starting points, T* the exact flow map."""

    def errors(points: Points) -> dict[str, float]:
        assert points.start is not None
        miss = (points.x.double() - law.map(points.start.double(), t)).square().sum(1)
        return {"flow": math.sqrt(float(weights_of(points) @ miss))}

    return Case(name, 2, t, errors, metrics=("flow",), floor_sizes=())


def porous_medium() -> Case:
    return map_case("porous_medium_2d", 1.0, BarenblattSolution(2, 2.0, 1.0))


def aggregation() -> Case:
    return map_case("aggregation_2d", 5.0, Aggregation2D())


def ring_start(n: int, generator: Generator, sampling: str) -> Tensor:
    """Points of the aggregation's ρ_0 = N((5/4, 5/4), 0.18 I)."""
    return 1.25 + 0.18**0.5 * Gaussian(2).draw(n, generator, sampling=sampling)


def barenblatt_lattice(per_side: int) -> tuple[Tensor, Tensor]:
    """Cell centres in the support of the profile at t0 = 1, and their masses."""
    profile = Barenblatt(2, 2.0, 1.0)
    x = lattice(-profile.radius, profile.radius, per_side, 2)
    x = x[x.norm(dim=1) < profile.radius]
    mass = profile.log_prob(x).exp()
    return x, mass / mass.sum()


CASES: dict[str, Callable[[], Case]] = {
    "ornstein_uhlenbeck": lambda: gaussian_case(
        "ornstein_uhlenbeck", ou_law("ornstein_uhlenbeck"), 1.0
    ),
    "equilibrium": lambda: gaussian_case("ornstein_uhlenbeck", ou_law("ornstein_uhlenbeck"), 8.0),
    "ornstein_uhlenbeck_6d": lambda: gaussian_case(
        "ornstein_uhlenbeck_6d", jko_law(jko_targets()[0]), 0.9
    ),
    "ornstein_uhlenbeck_10d": lambda: gaussian_case(
        "ornstein_uhlenbeck_10d", ou_law("ornstein_uhlenbeck_10d"), 2.0
    ),
    "styblinski_tang_30d": lambda: product_case(
        "styblinski_tang_30d", 30, 1.8, styblinski_tang_law(), styblinski_tang_slope
    ),
    "double_well_1d": lambda: product_case("double_well_1d", 1, 2.0, well_law(), well_slope),
    "porous_medium_2d": porous_medium,
    "aggregation_2d": aggregation,
}
