"""Stored results: figures of runs that take too long for a page, each with its settings."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import check_choice, check_count, check_folder, check_options, check_type
from .evaluation import EVALUATION_SAMPLES, evaluate
from .flow import Scheme, evolve
from .growth import Growth, grown
from .linalg import Dense, Dual, LinearSolver, Minres
from .problems import problem as problem_by_name
from .schemes import BiLevel, BiLevelNetwork, Explicit, ImplicitRelaxed, LinearlyImplicit

FOLDER = Path(__file__).parents[1] / "book" / "results"
Settings = Mapping[str, Any]

SCHEMES: dict[str, Callable[..., Scheme]] = {
    c.__name__: c for c in (Explicit, ImplicitRelaxed, LinearlyImplicit, BiLevel, BiLevelNetwork)
}
SOLVERS: dict[str, Callable[..., LinearSolver]] = {c.__name__: c for c in (Minres, Dense, Dual)}


def run_case(
    problem: Settings,
    scheme: Settings | None = None,
    solver: Settings | None = None,
    run: Settings | None = None,
    growth: Settings | None = None,
    points: int = EVALUATION_SAMPLES,
) -> dict[str, Any]:
    """One run of a problem by name, measured on `points` points that no step has seen.

    The settings are numbers and words, so that they can be stored beside the figures: `problem`
    holds the `name` and the options of that function, `scheme` a class (`name`, by default
    `Explicit`) and its arguments, without h and method those of the problem, `solver` the same for
    the linear solver, `run` arguments of `evolve`, `growth` those of `Growth` where the map grows;
    then `layers` and `seconds` are told, too. The figures are lists over the recorded times
    t > 0: `times`, `energy_error` F(θ_t) − F(ρ_t) where the exact energy is known, and the errors
    of `evaluate`; and `status`, `steps`, and `iterations` of the linear solver in all.

    Raises `ValueError` for unknown names and arguments.

    >>> case = {"problem": {"name": "ornstein_uhlenbeck_10d", "transform": "affine"},
    ...         "scheme": {"h": 0.1, "method": "rk4"}, "run": {"record": 2}, "points": 1024}
    >>> figures = run_case(**case)
    >>> figures["times"], max(figures["bures_w2"]) < 1e-3
    ([1.0, 2.0], True)
    """
    for group, part in (
        ("problem", problem),
        ("scheme", scheme),
        ("solver", solver),
        ("run", run),
    ):
        if part is not None:
            check_type(group, part, Mapping)
    check_count("points", points)
    check_options("run", evolve, run or {})
    options = dict(problem)
    start = problem_by_name(options.pop("name", ""), **options)
    given: dict[str, Any] = {"name": "Explicit"} | dict(scheme or {})
    make = _choose("scheme", given, SCHEMES)
    given = {"h": start.h} | given
    if make is Explicit:
        given = {"method": start.method} | given
    if solver is not None:
        options = dict(solver)
        solve = _choose("solver", options, SOLVERS)
        check_options("solver", solve, options)
        given["solver"] = solve(**options)
    check_options("scheme", make, given)
    grow = Growth(**growth) if growth else None
    found = evolve(start, make(**given), progress=False, growth=grow, **(run or {}))
    result = evaluate(grown(start, found.growths, found.thetas[0]), found, points)
    figures: dict[str, Any] = {
        "status": found.status,
        "steps": found.state.step,
        "iterations": sum(found.history.get("iterations", [])),
        "times": result.times[1:],
    }
    if grow:
        figures["layers"] = sum(report["layers"] for report in found.growths)
        figures["seconds"] = found.seconds
    if start.exact is not None:
        pairs = list(zip(result.energy, result.times, strict=True))[1:]
        figures["energy_error"] = [f - start.exact.energy(t) for f, t in pairs]
    return figures | {name: values[1:] for name, values in result.errors.items()}


def _choose(kind: str, settings: dict[str, Any], choices: Mapping[str, Any]) -> Any:
    name = settings.pop("name", "")
    check_choice(f"the name of the {kind}", name, choices)
    return choices[name]


def stored_results(
    name: str, folder: str | os.PathLike[str] = FOLDER
) -> dict[str, dict[str, dict[str, Any]]]:
    """The rows of the sweep `name` as `make results` stored them: {row: {settings, figures}}.

    `folder` is by default that of the repository which this package is part of.

    Raises `ValueError` for a name that is not stored.
    """
    folder = Path(folder)
    check_choice("name", name, [path.stem for path in folder.glob("*.json")])
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["rows"]


def store_row(
    name: str,
    row: str,
    settings: Settings,
    figures: Settings,
    folder: str | os.PathLike[str] = FOLDER,
) -> None:
    """Add or replace one row of a stored sweep; floats keep six digits."""
    check_type("settings", settings, Mapping)
    check_type("figures", figures, Mapping)
    check_folder("folder", folder)
    path = Path(folder) / f"{name}.json"
    rows = stored_results(name, folder) if path.exists() else {}
    rows[row] = {"settings": dict(settings), "figures": _rounded(figures)}
    write_rows(name, rows, folder)


def write_rows(name: str, rows: Settings, folder: str | os.PathLike[str] = FOLDER) -> None:
    """Write a sweep as it is."""
    path = Path(folder) / f"{name}.json"
    check_type("rows", rows, Mapping)
    check_folder("folder", folder)
    path.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list) else value
