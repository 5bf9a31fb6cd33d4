"""Run by torchrun: what several processes compute against what one computes, as JSON.

torchrun --nproc-per-node=2 tests/torchrun_driver.py OUT STEPS NAME [NAME ...]
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import torch
from torch import Tensor

from pwgf_core import Explicit, RelaxedMetric, evolve, problem, step_generator
from pwgf_core.distributed import World, shard, sharded, start, world
from pwgf_core.schemes.forces import energy_gradient
from pwgf_core.state import Problem

DENSE = 1000  # parameters up to which the matrix is compared


def gap(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


def sums(p: Problem, theta: Tensor, z: Tensor) -> dict[str, Tensor]:
    """What a step adds up over the sample z, or over this process's part of it."""
    cloud, jacobian = p.model.linearize(theta, z)
    metric = RelaxedMetric(jacobian)
    found = {
        "energy": p.energy.value(cloud),
        "right-hand side": metric.right_hand_side(p.energy.velocity(cloud)),
        "gradient": energy_gradient(p.energy, cloud, jacobian),
        "product": metric.matvec(torch.linspace(-1, 1, len(theta), dtype=theta.dtype)),
    }
    if len(theta) <= DENSE:
        found["matrix"] = metric.dense()
    return found


def run(p: Problem, steps: int) -> tuple[Tensor, list[int]]:
    """θ after so many steps of the problem's own scheme, and the iterations of its solves."""
    scheme = Explicit(p.h, p.method)
    last = evolve(p, scheme, progress=False, callback=lambda state, _: state.step < steps)
    assert last.state.step == steps, last.message
    return last.state.theta, last.history["iterations"]


def compare(name: str, steps: int) -> dict[str, object]:
    p = problem(name, dtype=torch.float64)
    with sharded(World()):
        expected, iterations = run(p, steps)
    theta, shared_iterations = run(p, steps)
    z = p.model.reference.draw(p.samples + 1, step_generator(1, 0), torch.float64, p.sampling)
    alone = sums(p, expected, z)
    with sharded():
        shared = sums(p, expected, shard(z))
    x, y = (p.model.transform(t, z) for t in (theta, expected))
    return {
        "parameters": len(theta),
        "sums": {key: gap(shared[key], value) for key, value in alone.items()},
        "theta": gap(theta, expected),
        "map": float((x - y).norm()) / math.sqrt(len(z)),
        "iterations": [iterations, shared_iterations],
    }


def main(out: str, steps: str, *names: str) -> None:
    start(timeout=600)
    rows = {name: compare(name, int(steps)) for name in names}
    if world().rank == 0:
        Path(out).write_text(json.dumps(rows | {"processes": world().size}, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
