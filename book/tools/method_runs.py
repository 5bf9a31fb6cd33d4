"""The methods and their settings: what the sweep runs on each problem."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Generator, Tensor

from method_cases import (
    Case,
    Points,
    barenblatt_lattice,
    jko_law,
    jko_targets,
    ring_start,
    styblinski_tang_law,
    well_law,
)
from pwgf_core import (
    Explicit,
    Gaussian,
    ImplicitRelaxed,
    Interaction,
    Minres,
    NumericalError,
    Problem,
    QuarticInteraction,
    evaluation_cloud,
    evolve,
    particle_flow,
    problem,
)
from rivals import blob_flow, langevin, lattice, stein_descent

Settings = dict[str, Any]


@dataclass(frozen=True)
class Method:
    """A name, and `run(case, settings, seed)` that delivers points."""

    name: str
    run: Callable[[Case, Settings, int], Points]


def own_problem(name: str, options: Settings) -> Problem:
    """The problem of that name, or the first published target in six dimensions."""
    if name != "ornstein_uhlenbeck_6d":
        return problem(name, **options)
    law = jko_law(jko_targets()[0])
    return problem("ornstein_uhlenbeck", mean=law.mu, covariance=law.sigma, **options)


def ours(case: Case, settings: Settings, seed: int) -> Points:
    """The relaxed flow, and 65 536 points of the map it ends with."""
    options = {k: settings[k] for k in ("transform", "layers") if k in settings}
    flow = own_problem(case.name, options | {"seed": seed})
    h = settings.get("h", flow.h)
    if settings.get("scheme") == "implicit":
        scheme: Explicit | ImplicitRelaxed = ImplicitRelaxed(h)
    else:
        solver = Minres(tol=settings["tol"]) if "tol" in settings else None
        scheme = Explicit(h, settings.get("method", flow.method), solver=solver)
    samples = settings.get("samples", flow.samples)
    run = evolve(flow, scheme, t_end=case.t, samples=samples, seed=seed, record=1, progress=False)
    if run.status != "completed":
        raise NumericalError(run.message)
    cloud = evaluation_cloud(flow, run.thetas[-1])
    begin = getattr(flow.exact, "initial", None)  # of the exact flow map, where there is one
    return Points(cloud.x, start=begin(cloud.z) if begin else None)


def start(case: Case, n: int, seed: int, sampling: str, dtype: torch.dtype) -> Tensor:
    return Gaussian(case.dim).draw(n, Generator().manual_seed(seed), dtype, sampling)


def particles(case: Case, settings: Settings, seed: int) -> Points:
    """Langevin particles, in single precision as is usual."""
    assert case.gradient is not None
    x = start(case, settings["n"], seed, "random", torch.float32)
    generator = Generator().manual_seed(1000 + seed)
    steps = max(1, math.ceil(case.t / settings["h"] - 1e-9))
    tamed = settings.get("tamed", False)
    return Points(langevin(case.gradient, x, case.t, steps, case.diffusion, generator, tamed))


def svgd(case: Case, settings: Settings, seed: int) -> Points:
    """Stein variational gradient descent towards e^{−V/D}."""
    assert case.gradient is not None
    gradient, d = case.gradient, case.diffusion
    x = start(case, settings["n"], seed, "random", torch.float32)
    return Points(stein_descent(lambda y: -gradient(y) / d, x, settings["steps"], settings["rate"]))


def blob(case: Case, settings: Settings, seed: int) -> Points:
    """The blob method on a lattice with weights in one or two dimensions, else on Sobol points."""
    if case.dim <= 2:
        per_side = settings["per_side"]
        width = 4.5 if case.dim == 1 else 4.0
        x = lattice(-width, width, per_side, case.dim)
        w = torch.exp(-0.5 * (x * x).sum(1))
        x, w = x[w > 1e-5], w[w > 1e-5]
        w = w / w.sum()
        spacing = 2 * width / per_side
    else:
        x = start(case, settings["n"], seed, "matched", torch.float64)
        w = torch.full((len(x),), 1 / len(x), dtype=torch.float64)
        spacing = 1.0
    epsilon = settings["epsilon"] * spacing
    steps = settings["steps"]
    end = blob_flow(x, w, case.t, steps, epsilon, 1.0, case.diffusion, case.gradient)
    return Points(end, w)


def porous_blob(case: Case, settings: Settings, seed: int) -> Points:
    x, w = barenblatt_lattice(settings["per_side"])
    spacing = float((x[:, 1].diff().abs()).min())
    end = blob_flow(x, w, case.t, settings["steps"], settings["epsilon"] * spacing, 2.0)
    return Points(end, w, x)


def pairs(case: Case, settings: Settings, seed: int) -> Points:
    """The interacting particles themselves, by all pairs or by moments; there is no noise."""
    x = ring_start(settings["n"], Generator().manual_seed(seed), settings["sampling"])
    quartic = QuarticInteraction()
    energy = quartic
    if settings["sums"] == "pairs":
        energy = Interaction(
            quartic.kernel, lambda y: ((y * y).sum(1, keepdim=True) - 1) * y, pairs="all"
        )
    return Points(particle_flow(energy, x, case.t, settings["steps"]), start=x)


def volumes(case: Case, settings: Settings, seed: int) -> Points:
    """Finite volumes on the line: cell centres with their masses; d equal columns of them."""
    make = well_law if case.dim == 1 else styblinski_tang_law
    law = make(settings["cells"], settings["dt"])
    quantile = law.quantile((torch.arange(65536).double() + 0.5) / 65536, case.t)
    return Points(quantile[:, None].expand(-1, case.dim))


OURS, LANGEVIN, SVGD = Method("ours", ours), Method("Langevin", particles), Method("SVGD", svgd)
BLOB, POROUS, PAIRS = Method("blob", blob), Method("blob", porous_blob), Method("particles", pairs)
VOLUMES = Method("finite volumes", volumes)


def grid(method: Method, /, **axes: Any) -> list[tuple[Method, Settings]]:
    """All combinations of the axes, each a list of values or one value."""
    lists = [v if isinstance(v, list) else [v] for v in axes.values()]
    return [(method, dict(zip(axes, values, strict=True))) for values in product(*lists)]


METHODS: dict[str, list[tuple[Method, Settings]]] = {
    "ornstein_uhlenbeck": [
        *grid(OURS),
        *grid(OURS, h=[0.1, 0.05], samples=[250, 1000]),
        *grid(OURS, transform="affine", h=[0.1, 0.02]),
        *grid(LANGEVIN, n=[1000, 10000, 100000], h=[0.1, 0.02, 0.005]),
        *grid(LANGEVIN, n=1000000, h=0.005, seeds=1),
        *grid(SVGD, n=[100, 300], steps=[100, 500], rate=[0.02, 0.1]),
        *grid(BLOB, per_side=[10, 20, 30], epsilon=[0.5, 0.65, 0.8, 1.2], steps=25, seeds=1),
    ],
    "equilibrium": [
        *grid(OURS, h=0.1, samples=[500, 2000]),
        *grid(LANGEVIN, n=[100, 300, 1000, 100000], h=0.02),
        *grid(SVGD, n=[100, 300], steps=500, rate=[0.02, 0.1]),
        *grid(BLOB, per_side=20, epsilon=[0.65, 0.8], steps=200, seeds=1),
    ],
    "ornstein_uhlenbeck_6d": [
        *grid(OURS, seeds=1),
        *grid(OURS, method="adaptive", h=0.2, samples=[500, 2000]),
        *grid(OURS, scheme="implicit", h=0.05, samples=1000, seeds=1),
        *grid(LANGEVIN, n=[1000, 10000, 100000], h=[0.1, 0.02, 0.005]),
        *grid(LANGEVIN, n=300000, h=0.003, seeds=1),
        *grid(SVGD, n=[100, 300], steps=[100, 500], rate=[0.02, 0.1]),
        *grid(BLOB, n=[250, 1000], epsilon=[0.3, 0.4, 0.6, 0.9], steps=25, seeds=1),
    ],
    "ornstein_uhlenbeck_10d": [
        *grid(OURS, h=[0.1, 0.05], samples=[500, 2000], seeds=1),
        *grid(OURS, transform="affine", h=[0.1, 0.02]),
        *grid(LANGEVIN, n=[1000, 10000], h=[0.1, 0.02, 0.005]),
        *grid(LANGEVIN, n=100000, h=[0.02, 0.005], seeds=1),
        *grid(SVGD, n=[100, 300], steps=[100, 500], rate=[0.02, 0.1], seeds=1),
        *grid(BLOB, n=[250, 1000], epsilon=[0.4, 0.6, 0.9], steps=50, seeds=1),
    ],
    "styblinski_tang_30d": [
        *grid(OURS, seeds=1),
        *grid(OURS, layers=60, h=0.05, samples=500, seeds=1),
        *grid(OURS, h=0.1, samples=500, seeds=1),
        *grid(LANGEVIN, n=[1000, 10000, 100000], h=[0.1, 0.02], seeds=1),
        *grid(SVGD, n=[100, 300], steps=500, rate=[0.02, 0.1], seeds=1),
        *grid(BLOB, n=[250, 1000], epsilon=[1.6, 3.0, 4.5, 6.0], steps=25, seeds=1),
        *grid(VOLUMES, cells=[100, 400], dt=[0.05, 0.01], seeds=1),
    ],
    "double_well_1d": [
        *grid(OURS),
        *grid(OURS, h=0.01, layers=[12, 24], samples=[300, 1000]),
        *grid(OURS, h=0.05, method="adaptive", layers=24, samples=500),
        *grid(OURS, scheme="implicit", h=[0.1, 0.05], samples=500),
        *grid(LANGEVIN, n=[1000, 10000, 100000], h=0.1, tamed=True),
        *grid(LANGEVIN, n=[1000, 10000, 100000], h=[0.02, 0.005]),
        *grid(LANGEVIN, n=1000000, h=[0.02, 0.01], seeds=1),
        *grid(SVGD, n=[100, 300], steps=[100, 500], rate=[0.02, 0.1]),
        *grid(SVGD, n=1000, steps=100, rate=0.05, seeds=1),
        *grid(
            BLOB, per_side=[50, 100, 200, 400], epsilon=[1.2, 1.6, 2.2], steps=[60, 200], seeds=1
        ),
        *grid(VOLUMES, cells=[50, 100, 200, 400, 800], dt=[0.05, 0.01], seeds=1),
    ],
    "porous_medium_2d": [
        *grid(OURS),
        *grid(OURS, transform="affine", h=0.2, samples=250),
        *grid(OURS, transform="residual", h=[0.1, 0.02], samples=[500, 2000]),
        *grid(POROUS, per_side=[10, 20, 30, 40], epsilon=[0.6, 0.8, 1.2], steps=[10, 40], seeds=1),
    ],
    "aggregation_2d": [
        *grid(OURS, seeds=1),
        *grid(OURS, layers=[32, 64], samples=[512, 2048], seeds=1),
        *grid(PAIRS, n=[256, 1024], steps=20, sampling=["random", "matched"], sums="pairs"),
        *grid(PAIRS, n=[1024, 8192], steps=20, sampling=["random", "matched"], sums="moments"),
    ],
}
