"""Run the sweeps whose figures are too long for a page; store them in book/results/NAME.json.

Usage: `python book/tools/results.py [--all] [NAME ...]`. A row is measured when it is missing or
its settings changed; --all measures every row again. To add a sweep, write a function that returns
its rows, {row: settings}, and name it in `SWEEPS` with what measures one row.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from certified import certified_case
from mixtures import mixture_case
from pwgf_core.results import FOLDER, run_case, store_row, stored_results, write_rows

Rows = dict[str, dict[str, Any]]

RING = {
    "layers": 27,
    "block": 27,
    "tol": 1e-6,
    "share": 1e-5,
    "starts": 32,
    "steps": 30,
    "scale": 3.0,
    "family": "residual",
}
SHELLS = {
    "layers": 80,
    "block": 40,
    "tol": 1e-4,
    "every": 2,
    "share": 1e-4,
    "samples": 8000,
    "starts": 48,
    "steps": 30,
}
PAIRS = {"layers": 80, "block": 40, "biases": 2, "share": 2e-3, "tol": 2e-3}
MIXTURES = {"biases": 4, "tol": 1e-3, "share": 1e-3, "starts": 32, "steps": 40}


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
    wells, ring, shells = "styblinski_tang_30d", "aggregation_2d", "shells_10d"
    for seed in (0, 1, 2):
        turn: dict[str, Any] = {"seed": seed, "rotate": seed + 1}
        rows[f"30-D, grown, seed {seed}"] = row(wells, {"layers": 120, "biases": 4}, **turn)
    for frame in ("own", "random"):
        rows[f"30-D, {frame} frame"] = row(wells, layers=120, frame=frame, rotate=1)
    soft = {"layers": 96, "block": 32, "tol": 1e-4, "share": 1e-3, "family": "residual"}
    rows["ring, grown, soft units"] = row(ring, soft)
    for seed in (0, 1, 2):
        rows[f"ring, grown, seed {seed}"] = row(ring, RING, seed=seed)
        rows[f"ring, fixed, seed {seed}"] = row(ring, layers=RING["layers"], seed=seed)
    rows["ring, grown, 96 units"] = row(
        ring, RING | {"layers": 96, "block": 96, "starts": 96, "samples": 16000}
    )
    rows["ring, fixed, 96 units"] = row(ring, layers=96)
    for seed in (0, 1):
        turn = {"seed": seed, "rotate": seed + 1}
        rows[f"shells, grown, seed {seed}"] = row(shells, SHELLS, **turn)
        rows[f"shells, fixed, seed {seed}"] = row(shells, layers=SHELLS["layers"], **turn)
    rows["shells, grown in pairs, seed 0"] = row(shells, PAIRS, seed=0, rotate=1)
    return rows


def mixtures() -> Rows:
    """Mixtures of Gaussians of published kind: the exact flow, a map that grows and a fixed one."""
    rows: Rows = {}
    for dim, layers in ((2, 40), (4, 48), (6, 60)):
        for draw in range(5):
            case: dict[str, Any] = {"dim": dim, "draw": draw}
            rows[f"d = {dim}, draw {draw}, exact"] = case
            case = case | {"h": 0.05 if dim == 2 else 0.1}
            grow = {"layers": layers, "block": layers // 2} | MIXTURES
            rows[f"d = {dim}, draw {draw}, fixed"] = case | {"layers": layers}
            rows[f"d = {dim}, draw {draw}, grown"] = case | {"growth": grow}
            if dim > 2:
                more = grow | {"layers": 2 * layers, "block": layers}
                rows[f"d = {dim}, draw {draw}, grown, K = {2 * layers}"] = case | {"growth": more}
    name, grow = "d = 4, draw 0, grown", {"layers": 48, "block": 24} | MIXTURES
    base = {"dim": 4, "draw": 0, "h": 0.1, "growth": grow}
    rows[f"{name}, h = 0.05"] = base | {"h": 0.05}
    rows[f"{name}, N = 4000"] = base | {"samples": 4000}
    rows[f"{name}, 200 steps of ascent"] = base | {"growth": grow | {"starts": 96, "steps": 200}}
    return rows


def certified() -> Rows:
    """The certificate of a run that grows in thirty dimensions, and its map made smaller again."""
    return {"seed 0": {"seed": 0, "tols": [0.02, 0.1, 0.3]}}


SWEEPS = {
    "growth": Sweep(growth, run_case),
    "mixtures": Sweep(mixtures, mixture_case),
    "certified": Sweep(certified, certified_case),
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
