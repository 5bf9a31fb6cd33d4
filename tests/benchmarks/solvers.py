"""`Auto` against the quickest of the linear solvers, on a grid of sample sizes and maps."""

from __future__ import annotations

import torch
from torch import Generator

from pwgf_core import (
    Affine,
    Auto,
    Compose,
    Dense,
    Dual,
    Entropy,
    Explicit,
    Gaussian,
    Minres,
    Planar,
    Problem,
    PushForward,
    RelaxedMetric,
    Residual,
    State,
    Transform,
)
from pwgf_core.problems.styblinski_tang import rotated_wells

from .timing import entry, medians

LARGEST = 2500  # unknowns of a dense system that is worth a try
GRID = [
    ("planar", 2000, 2, 16),
    ("planar", 2000, 2, 60),
    ("planar", 500, 10, 20),
    ("planar", 4000, 10, 80),
    ("planar", 2000, 30, 60),
    ("planar", 10, 30, 60),
    ("residual", 2048, 2, 96),
    ("residual", 500, 2, 24),
    ("residual", 2000, 10, 64),
    ("residual", 10, 10, 128),
    ("residual", 1000, 1, 32),
    ("residual", 40, 4, 64),
]


def case(family: str, n: int, d: int, k: int) -> tuple[Problem, State, torch.Tensor]:
    """Wells in d dimensions, three steps after the start, and a sample of n points."""
    transform: Transform = Residual(d, k)
    if family == "planar":
        transform = Compose(Affine(d), Planar(d, k, frame=torch.eye(d, dtype=torch.float64)))
    energy = rotated_wells(torch.eye(d, dtype=torch.float64)) + Entropy()
    generator = Generator().manual_seed(0)
    flow = Problem(PushForward(Gaussian(d), transform), energy, transform.init(generator))
    state = State(flow.theta0)
    for _ in range(3):
        z = flow.model.reference.draw(max(n, 200), generator, torch.float64, "random")
        state, _ = Explicit(0.05).step(flow, state, z)
    return flow, state, flow.model.reference.draw(n, generator, torch.float64, "random")


def compare_auto(repeats: int) -> dict[str, dict]:
    """A solve by `Auto` against the quickest of the others that the sizes allow, at each size."""
    results = {}
    for family, n, d, k in GRID:
        flow, state, z = case(family, n, d, k)
        cloud, _ = flow.model.linearize(state.theta, z)
        v = flow.energy.velocity(cloud)
        solvers = {"auto": Auto(), "minres": Minres()}
        if len(state.theta) <= LARGEST:
            solvers["dense"] = Dense(shift=1e-5)
        if n * d <= LARGEST:
            solvers["dual"] = Dual(shift=1e-5)

        def solve(solver, flow=flow, state=state, z=z, v=v) -> object:
            metric = RelaxedMetric(flow.model.linearize(state.theta, z)[1])
            return solver.solve(metric, metric.right_hand_side(v), state.solution, v)

        calls = {name: lambda s=s, f=solve: f(s) for name, s in solvers.items()}
        times = medians(calls, repeats, warm_up=1, again=False)
        mine = times.pop("auto")
        best = min(times, key=lambda name: times[name])
        name = f"solve_{family}_N{n}_d{d}_m{len(state.theta)}_auto_vs_best"
        results[name] = entry(mine, times[best]) | {"best": best, "all": times}
    return results
