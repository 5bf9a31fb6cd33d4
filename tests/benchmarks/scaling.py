"""Time of products, sums and steps with several processes on this machine.

    python tests/benchmarks/scaling.py [P ...]

starts torchrun with each number of processes (by default 1 and 2), one thread each, and writes
medians in seconds to book/data/scaling.json: `product` with Ĝ, `sum` of m numbers over the
processes, `message` of one number, and `step` of the problem's own scheme. It needs a quiet
machine with a core for each process.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from timing import processor

from pwgf_core import RelaxedMetric, evolve, problem, step_generator
from pwgf_core.distributed import sharded, start, total, world
from pwgf_core.results import FOLDER
from pwgf_core.schemes import Explicit

FILE = FOLDER.parent / "data" / "scaling.json"
NAME, SAMPLES = "styblinski_tang_30d", 2000
REPEATS, STEPS = 11, 2


def median(action: Callable[[], object], repeats: int = REPEATS) -> float:
    """Seconds of an action, after one that is not counted."""
    seconds = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds[1:])


def measure() -> dict[str, float]:
    """The medians of this job."""
    p = problem(NAME)
    z = p.model.reference.draw(SAMPLES, step_generator(0, 0), p.theta0.dtype, p.sampling)
    v, one = torch.ones_like(p.theta0), torch.ones(1)
    with sharded() as processes:
        metric = RelaxedMetric(p.model.transform.jacobian(p.theta0, processes.shard(z)))
        times = {
            "product": median(lambda: metric.matvec(v)),
            "sum": median(lambda: total(v)),
            "message": median(lambda: total(one)),
        }
    run = evolve(
        p,
        Explicit(p.h, p.method),
        samples=SAMPLES,
        progress=False,
        callback=lambda state, _: state.step < STEPS,
    )
    return times | {"step": run.seconds / run.state.step, "processes": processes.size}


def main(*counts: str) -> None:
    rows = []
    for count in counts or ("1", "2"):
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += [f"--nproc-per-node={count}", __file__, "--measure"]
        here = str(Path(__file__).parents[1])
        path = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        rows.append(json.loads(done.stdout))
        print(rows[-1])
    transform = problem(NAME).model.transform
    settings = {
        "problem": NAME,
        "transform": repr(transform),
        "parameters": transform.n_params,
        "samples": SAMPLES,
    }
    content = {"settings": settings, "processor": processor(), "rows": rows}
    FILE.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--measure"]:
        start()
        result = measure()
        if world().rank == 0:
            print(json.dumps(result))
    else:
        main(*sys.argv[1:])
