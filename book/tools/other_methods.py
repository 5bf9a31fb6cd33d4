"""The sweep behind the chapter "Beside the other methods": error and seconds of every method.

Usage: `python book/tools/other_methods.py [PROBLEM ...]` writes book/results/other_methods.json
anew, or the part of the problems named (or `jko`, the published targets). Each run is timed by the
processor time of this process on one thread, which other processes on the machine disturb little;
making the points is part of it, measuring their error is not. Errors are root mean squares over
the seeds.
"""

from __future__ import annotations

import json
import math
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Generator

from execute import BOOK
from method_cases import CASES, Case, Points, floor
from method_jko import compare
from method_runs import METHODS
from pwgf_core import NumericalError

RESULTS = BOOK / "results" / "other_methods.json"
Settings = dict[str, Any]


def measure(case: Case, run: Callable[[int], Points], seeds: Iterable[int]) -> Settings:
    """Seconds (mean) and errors (root mean square) of `run(seed)`, NaN where one has failed."""
    seconds, errors = [], []
    for seed in seeds:
        start = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # a failed run says so by its NaN
                points = run(seed)
        except NumericalError:
            points = None
        seconds.append(time.process_time() - start)
        errors.append(case.errors(points) if points else dict.fromkeys(case.metrics, math.nan))
    means = {k: math.sqrt(sum(e[k] ** 2 for e in errors) / len(errors)) for k in errors[0]}
    return {"seconds": sum(seconds) / len(seconds), "errors": means}


def sweep(name: str) -> dict[str, list[Settings]]:
    """The runs and the sampling floors of one problem."""
    case, runs, floors = CASES[name](), [], []
    for method, settings in METHODS[name]:
        kept = {k: v for k, v in settings.items() if k != "seeds"}
        seeds = range(settings.get("seeds", 3))
        found = measure(case, partial(method.run, case, kept), seeds)
        head = {"problem": name, "method": method.name, "settings": kept, "seeds": len(seeds)}
        runs.append(head | found)
        print(name, method.name, kept, f"{found['seconds']:.2f} s", found["errors"], flush=True)
    for n in case.floor_sizes:
        error = [floor(case, n, Generator().manual_seed(s)) for s in range(5)]
        mean = math.sqrt(sum(e * e for e in error) / len(error))
        floors.append({"problem": name, "n": n, "error": mean})
    return {"runs": runs, "floors": floors}


def errors_again(stored: Settings) -> dict[str, float]:
    """The errors of a stored run, computed anew."""
    problem, settings = stored["problem"], stored["settings"]
    method = next(m for m, _ in METHODS[problem] if m.name == stored["method"])
    case = CASES[problem]()
    return measure(case, partial(method.run, case, settings), range(stored["seeds"]))["errors"]


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def clean(value: Any) -> Any:
    """Floats of six digits, and None in place of NaN, which JSON does not know."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: clean(v) for k, v in value.items()}
    return [clean(v) for v in value] if isinstance(value, list) else value


def store(results: Settings) -> None:
    """Write the results, one line per run."""
    text = json.dumps(clean(results), ensure_ascii=False)
    for split in ('"runs": [', '"floors": [', '"jko": ['):
        text = text.replace(split, "\n" + split + "\n")
    text = text.replace('}, {"problem"', '},\n{"problem"').replace('}, {"target"', '},\n{"target"')
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text + "\n", encoding="utf-8")


def main(names: list[str]) -> int:
    if unknown := sorted(set(names) - CASES.keys() - {"jko"}):
        print(f"no problem {', '.join(unknown)}; there are: {', '.join(CASES)}, jko")
        return 2
    torch.set_num_threads(1)
    for name in names or [*CASES, "jko"]:
        found = {"jko": compare()} if name == "jko" else sweep(name)
        old = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        results: Settings = {
            "seconds": "processor time of the process, one thread",
            "processor": processor(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        }
        for key in ("runs", "floors", "jko"):
            others = [r for r in old.get(key, []) if r.get("problem", "jko") != name]
            results[key] = others + found.get(key, [])
        store(results)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
