"""Run the sweeps whose figures are too long for a page; store them in book/results/NAME.json.

Usage: `python book/tools/results.py [--all] [NAME ...]`. A row is measured when it is missing or
its settings changed; --all measures every row again. To add a sweep, write a function that returns
its rows, {row: settings}, and name it in `SWEEPS` with what measures one row.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from torch import Generator

from pwgf_core import Explicit, Growth, evaluation_cloud, evolve, grown, kl
from pwgf_core.problems import gaussian_mixture, mixture_target
from pwgf_core.results import FOLDER, run_case, store_row, stored_results, write_rows

Rows = dict[str, dict[str, Any]]


class Sweep(NamedTuple):
    """`rows()` gives the settings by name, `measure(**settings)` the figures of one row."""

    rows: Callable[[], Rows]
    measure: Callable[..., dict[str, Any]]


def fokker_planck_30d() -> Rows:
    """The run in thirty dimensions with one setting changed at a time."""

    def row(
        form: str = "velocity",
        method: str = "midpoint",
        h: float = 0.05,
        samples: int = 1000,
        tol: float = 5e-4,
        seed: int = 0,
        **problem: Any,
    ) -> dict[str, Any]:
        return {
            "problem": {"name": "styblinski_tang_30d", "seed": seed, **problem},
            "scheme": {"h": h, "method": method, "form": form},
            "solver": {"name": "Minres", "tol": tol},
            "run": {"samples": samples, "seed": seed, "record": 6},
        }

    return {
        "default": row(),
        "gradient form": row(form="gradient"),
        "random frame": row(frame="random"),
        "rotated, own frame": row(rotate=1),
        "rotated, random frame": row(rotate=1, frame="random"),
        "K = 60": row(layers=60),
        "h = 0.1": row(h=0.1),
        "N = 500": row(samples=500),
        "Euler, h = 0.05": row(method="euler"),
        "tol = 5e-3": row(tol=5e-3),
        "affine": row(transform="affine"),
        "planar": row(transform="planar"),
        "seed 1": row(seed=1),
        "h = 0.025": row(h=0.025),
        "N = 2000": row(samples=2000),
        "Euler, h = 0.005": row(method="euler", h=0.005),
    }


def fokker_planck_10d() -> Rows:
    """Two families and three schemes in ten dimensions, and the error against h, N and K."""

    def row(scheme: dict[str, Any], samples: int = 2000, **problem: Any) -> dict[str, Any]:
        return {
            "problem": {"name": "ornstein_uhlenbeck_10d", **problem},
            "scheme": scheme,
            "run": {"samples": samples, "record": 10},
        }

    rows: Rows = {}
    steps = {
        "Euler": ({"method": "euler"}, (0.1, 0.05, 0.025, 0.0125)),
        "midpoint": ({"method": "midpoint"}, (0.1, 0.05, 0.025, 0.0125)),
        "bi-level": ({"name": "BiLevel"}, (0.1, 0.05, 0.025)),
    }
    for family in ("affine", "planar"):
        for name, (scheme, sizes) in steps.items():
            for h in sizes:
                n = 2000 if family == "planar" else 500  # the affine flow needs no more
                rows[f"{family}, {name}, h = {h}"] = row(scheme | {"h": h}, n, transform=family)
    for form in ("velocity", "gradient"):
        for n in (500, 1000, 2000, 4000, 8000):
            scheme = {"method": "midpoint", "h": 0.05, "form": form}
            rows[f"{form} form, N = {n}"] = row(scheme, n)
    for layers in (10, 20, 40, 80, 160):
        rows[f"K = {layers}"] = row({"method": "midpoint", "h": 0.025}, layers=layers)
    return rows


def growth() -> Rows:
    """Maps that grow from an affine one, beside fixed ones of the same size."""

    def row(
        name: str, growth: dict[str, Any] | None = None, *, seed: int = 0, **other: Any
    ) -> dict[str, Any]:
        start = {"transform": "affine"} if growth else {}
        row = {
            "problem": {"name": name, "seed": seed} | start | other,
            "run": {"seed": seed, "record": 6},
        }
        return row | ({"growth": growth} if growth else {})

    rows: Rows = {}
    wells, ring = "styblinski_tang_30d", "aggregation_2d"
    for seed in (0, 1, 2):
        turn: dict[str, Any] = {"seed": seed, "rotate": seed + 1}
        rows[f"30-D, grown, seed {seed}"] = row(wells, {"layers": 120, "biases": 4}, **turn)
    for frame in ("own", "random"):
        rows[f"30-D, {frame} frame"] = row(wells, layers=120, frame=frame, rotate=1)
    grow = {"layers": 96, "block": 32, "tol": 1e-4, "share": 1e-3, "family": "residual"}
    rows["ring, grown network"] = row(ring, grow)
    for layers in (27, 96):  # the grown one has 27
        rows[f"ring, fixed network of {layers}"] = row(ring, layers=layers)
    return rows


def mixtures() -> Rows:
    """Mixtures of Gaussians in the plane, of published kind, with growth and without."""
    rows: Rows = {}
    for draw in range(5):
        for grow in (True, False):
            name = f"d = 2, draw {draw}, {'grown' if grow else 'fixed'}"
            rows[name] = {"dim": 2, "draw": draw, "layers": 40, "grow": grow}
    return rows


def mixture_case(dim: int, draw: int, layers: int, grow: bool, n: int = 20000) -> dict[str, Any]:
    """One mixture: both divergences at t = 4 and the seconds of the run."""
    start = gaussian_mixture(
        "affine" if grow else "affine-planar", None if grow else layers, dim=dim, draw=draw
    )
    plan = Growth(layers, block=layers // 4, tol=2e-3, every=2, share=2e-3) if grow else None
    scheme = Explicit(start.h, start.method)
    run = evolve(start, scheme, record=1, progress=False, growth=plan)
    end = grown(start, run.growths, run.thetas[0])
    theta, target = run.thetas[-1], mixture_target(dim, draw)
    cloud = evaluation_cloud(end, theta, n)
    y = target.sample(n, Generator().manual_seed(draw + 1))
    there = kl(cloud.x, cloud.log_rho, target.log_prob)
    back = kl(y, target.log_prob, lambda x: end.model.log_prob(theta, x))
    return {
        "status": run.status,
        "layers": sum(g["layers"] for g in run.growths) if grow else layers,
        "kl": there,
        "kl_back": back,
        "symmetric_kl": there + back,
        "seconds": run.seconds,
    }


SWEEPS = {
    "growth": Sweep(growth, run_case),
    "mixtures": Sweep(mixtures, mixture_case),
    "fokker_planck_10d": Sweep(fokker_planck_10d, run_case),
    "fokker_planck_30d": Sweep(fokker_planck_30d, run_case),
}


def up_to_date(name: str, rows: Rows, folder: Path) -> dict[str, dict[str, Any]]:
    """The stored rows whose settings are these."""
    path = folder / f"{name}.json"
    stored = stored_results(name, folder) if path.exists() else {}
    return {row: stored[row] for row, s in rows.items() if stored.get(row, {}).get("settings") == s}


def main(arguments: list[str] | None = None, folder: Path = FOLDER) -> None:
    """Measure what is not stored."""
    parser = argparse.ArgumentParser(description="Measure and store the results of sweeps.")
    parser.add_argument("sweep", nargs="*", help=f"of {', '.join(SWEEPS)}; default: all")
    parser.add_argument("--all", action="store_true", help="measure also what is stored")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.sweep) - SWEEPS.keys()):
        parser.error(f"no sweep {', '.join(unknown)}; there are: {', '.join(SWEEPS)}")
    for name in options.sweep or SWEEPS:
        sweep = SWEEPS[name]
        rows = sweep.rows()
        kept = {} if options.all else up_to_date(name, rows, folder)
        write_rows(name, kept, folder)  # drops rows that are no longer in the sweep
        for row, settings in rows.items():
            if row not in kept:
                print(f"{name}: {row}", flush=True)
                store_row(name, row, settings, sweep.measure(**settings), folder)


if __name__ == "__main__":
    main()
