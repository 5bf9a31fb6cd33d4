"""The examples of the slides, run whole: seconds, error and peak memory.

`python -m benchmarks.examples NAME` runs one of them in its own process and prints its figures.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pwgf_core import Explicit, Minres, evaluate, evolve, problem

from .timing import entry

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Example:
    """A problem with its settings, and the seconds and the errors that it is meant to keep within.

    `errors` are those at the end, of `Evaluation.errors`, or `energy`. `tol` is that of MINRES;
    None is the problem's own solver.
    """

    problem: str
    seconds: float
    errors: dict[str, float]
    scheme: dict[str, Any] = field(default_factory=dict)
    tol: float | None = None
    samples: int | None = None
    t_end: float | None = None

    def run(self) -> dict[str, Any]:
        flow = problem(self.problem)
        solver = flow.solver if self.tol is None else Minres(tol=self.tol)
        scheme = Explicit(**({"h": flow.h, "method": flow.method} | self.scheme), solver=solver)
        start = time.perf_counter()
        run = evolve(flow, scheme, t_end=self.t_end, samples=self.samples, record=1, progress=False)
        seconds = time.perf_counter() - start
        found = evaluate(flow, run)
        assert run.status == "completed", run.message
        assert flow.exact is not None
        energy = abs(found.energy[-1] - flow.exact.energy(run.times[-1]))
        errors = {name: values[-1] for name, values in found.errors.items()} | {"energy": energy}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        kept = {name: errors[name] for name in self.errors}
        return {"seconds": seconds, "errors": kept, "steps": run.state.step, "peak_mib": peak}


PAIR = {"h": 0.3, "method": "adaptive", "tol": 0.05}
EXAMPLES = {
    "fokker_planck_30d_quick": Example(
        "styblinski_tang_30d", 5, {"marginal_w2": 0.006}, PAIR, 5e-4, 1000
    ),
    "fokker_planck_30d": Example(
        "styblinski_tang_30d", 20, {"marginal_w2": 0.004, "energy": 0.015}, PAIR, 3.5e-4, 6000
    ),
    "fokker_planck_30d_euler_h0.005": Example(
        "styblinski_tang_30d", 60, {"marginal_w2": 0.006}, {"h": 0.005, "method": "euler"}
    ),
    "fokker_planck_10d": Example(
        "ornstein_uhlenbeck_10d",
        4,
        {"bures_w2": 0.005},
        {"h": 0.2, "method": "adaptive", "tol": 0.02},
        1e-3,
    ),
    "aggregation_2d": Example("aggregation_2d", 5, {"map_l2": 0.005}, t_end=2),
}


def measure_examples() -> dict[str, dict]:
    """One run of each, the median of three where it is short, in processes of their own."""
    results = {}
    for name, example in EXAMPLES.items():
        rounds = 3 if example.seconds < 10 else 1
        runs = sorted((in_a_process(name) for _ in range(rounds)), key=lambda run: run["seconds"])
        found = runs[len(runs) // 2]
        results[f"example_{name}_vs_goal"] = entry(found["seconds"], example.seconds, "s") | {
            "errors": found["errors"],
            "error_goals": example.errors,
            "steps": found["steps"],
            "peak_mib": found["peak_mib"],
        }
    return results


def in_a_process(name: str) -> dict[str, Any]:
    """The figures of one run, whose peak memory is its own."""
    command = [sys.executable, "-m", "benchmarks.examples", name]
    paths = [str(TESTS), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(json.dumps(EXAMPLES[sys.argv[1]].run()))
