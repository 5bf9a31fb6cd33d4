"""The stored comparison of methods, read for the chapter: best runs, fronts and tables."""

from __future__ import annotations

import html
import json
import math
from typing import Any

from execute import BOOK

RESULTS = BOOK / "results" / "other_methods.json"
Run = dict[str, Any]
NAMES = {
    "ornstein_uhlenbeck": "Ornstein–Uhlenbeck, d = 2",
    "ornstein_uhlenbeck_6d": "Ornstein–Uhlenbeck, d = 6",
    "ornstein_uhlenbeck_10d": "Ornstein–Uhlenbeck, d = 10",
    "styblinski_tang_30d": "separable wells, d = 30",
    "double_well_1d": "double well, d = 1",
    "porous_medium_2d": "porous medium, d = 2",
    "aggregation_2d": "aggregation, d = 2",
}
METHODS = ("ours", "Langevin", "SVGD", "blob", "neural JKO", "finite volumes")
GRID, PUBLISHED = "a grid has too many cells", "not published for this problem"
TOLD = (("finite volumes", "styblinski_tang_30d"), ("Langevin", "aggregation_2d"))
ABSENT = {
    "neural JKO": PUBLISHED,
    "finite volumes": GRID,
    ("neural JKO", "ornstein_uhlenbeck_6d"): "published in another measure: see the table of "
    "symmetric KL",
    ("Langevin", "porous_medium_2d"): "the diffusion depends on the density: no Langevin equation",
    ("SVGD", "porous_medium_2d"): "no Gibbs density to approach",
    ("SVGD", "aggregation_2d"): "no Gibbs density to approach",
    ("blob", "aggregation_2d"): "no diffusion to smooth: the blobs are the particles themselves",
    ("finite volumes", "porous_medium_2d"): "in the plane a grid of moderate size would do; the "
    "solver here is for the line",
    ("finite volumes", "aggregation_2d"): "in the plane a grid of moderate size would do; the "
    "solver here is for the line",
    ("finite volumes", "ornstein_uhlenbeck"): "in the plane a grid of moderate size would do; the "
    "solver here is for the line",
}


def load() -> dict[str, Any]:
    """The stored results."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def error(run: Run, kind: str | None = None) -> float:
    """The error of a run, infinite if it failed: to ρ_∞ for SVGD, to ρ_t for all others."""
    name = kind or ("equilibrium" if run["method"] == "SVGD" else "flow")
    value = run["errors"][name]
    return math.inf if value is None else value


def select(
    results: dict[str, Any], problem: str, method: str | None = None, **settings: Any
) -> list[Run]:
    """The runs of a problem, of one method and with the settings given."""
    return [
        run
        for run in results["runs"]
        if run["problem"] == problem
        and method in (None, run["method"])
        and all(run["settings"].get(k) == v for k, v in settings.items())
    ]


def best(runs: list[Run]) -> Run:
    """The run of the smallest error."""
    return min(runs, key=error)


def seconds_to(runs: list[Run], wanted: float) -> float:
    """The least seconds of a run with at most the error wanted; infinite if there is none."""
    return min((run["seconds"] for run in runs if error(run) <= wanted), default=math.inf)


def front(runs: list[Run]) -> list[Run]:
    """The runs that no other run beats in both error and seconds, by seconds."""
    chosen: list[Run] = []
    for run in sorted(runs, key=lambda r: (r["seconds"], error(r))):
        if error(run) < min((error(r) for r in chosen), default=math.inf):
            chosen.append(run)
    return chosen


def series(results: dict[str, Any], problem: str) -> dict[str, list[tuple[float, float]]]:
    """(seconds, error) of all finished runs, by method."""
    found: dict[str, list[tuple[float, float]]] = {}
    for run in select(results, problem):
        name = "SVGD (to ρ∞)" if run["method"] == "SVGD" else run["method"]
        if run["settings"].get("transform") == "affine":
            name = "ours, affine map"
        if math.isfinite(error(run)):
            found.setdefault(name, []).append((run["seconds"], error(run)))
    return found


def floors(results: dict[str, Any], problem: str) -> dict[int, float]:
    """The error of n exact samples, by n."""
    return {row["n"]: row["error"] for row in results["floors"] if row["problem"] == problem}


def described(settings: Run) -> str:
    """Settings in one line."""
    names = {"n": "n", "h": "h", "samples": "N", "layers": "K", "epsilon": "ε/spacing"}
    parts = [f"{names.get(k, k.replace('_', ' '))} = {v}" for k, v in settings.items()]
    return ", ".join(parts) or "the problem's defaults"


def table(head: list[str], rows: list[list[str]]) -> str:
    """An HTML table that scrolls where it is too wide."""
    cells = "".join(f"<th>{h}</th>" for h in head)
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    return (
        '<div style="overflow-x: auto"><table class="dataframe"><thead><tr>'
        f"{cells}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def settings_table(results: dict[str, Any], problem: str) -> str:
    """The best run of each method, with its settings and the number of settings tried."""
    rows = []
    for method in dict.fromkeys(run["method"] for run in select(results, problem)):
        runs = select(results, problem, method)
        run = best(runs)
        cells = [method, f"{error(run):.2g}", f"{run['seconds']:.2g}"]
        rows.append([*cells, html.escape(described(run["settings"])), str(len(runs))])
    return table(["method", "error", "seconds", "best settings", "settings tried"], rows)


def side_by_side(results: dict[str, Any]) -> str:
    """Smallest error and its seconds, problem by method; why not, where there is none."""
    notes: list[str] = []
    rows = []
    for problem, title in NAMES.items():
        cells = [title]
        for method in METHODS:
            runs = select(results, problem, method)
            if method == "Langevin" and problem == "aggregation_2d":
                runs = select(results, problem, "particles")
            if runs:
                run = best(runs)
                star = "*" if method == "SVGD" else ""
                if (method, problem) in TOLD:
                    star = "†"
                cells.append(f"{error(run):.2g}{star} in {run['seconds']:.2g} s")
                continue
            reason = ABSENT.get((method, problem)) or ABSENT[method]
            if reason not in notes:
                notes.append(reason)
            cells.append(f"({notes.index(reason) + 1})")
        rows.append(cells)
    foot = "; ".join(f"({i + 1}) {note}" for i, note in enumerate(notes))
    marks = (
        "* to the equilibrium. † one marginal, told that the law is a product; or, where there is "
        "no diffusion, the interacting particles."
    )
    return table(["problem", *METHODS], rows) + f"<p>{marks} {foot}.</p>"


def jko_table(results: dict[str, Any]) -> str:
    """Symmetric KL on the published targets: mean, worst and seconds by method."""
    rows = []
    for method in dict.fromkeys(row["method"] for row in results["jko"]):
        found = [row for row in results["jko"] if row["method"] == method]
        values = [row["symmetric_kl"] for row in found]
        seconds = sum(row["seconds"] for row in found) / len(found)
        mean = sum(values) / len(values)
        rows.append([method, f"{mean:.2g}", f"{max(values):.2g}", f"{seconds:.2g}"])
    return table(["method", "mean", "worst of 5 targets", "seconds (mean)"], rows)


def equilibrium_table(results: dict[str, Any]) -> str:
    """Distances to the equilibrium in SVGD's own measure and in ours."""
    rows = []
    for run in select(results, "equilibrium"):
        e = run["errors"]
        cells = [run["method"], html.escape(described(run["settings"]))]
        numbers = (e["stein"], e["equilibrium"], run["seconds"])
        rows.append([*cells, *(f"{v:.2g}" for v in numbers)])
    head = ["method", "settings", "Stein discrepancy", "Bures–Wasserstein", "seconds"]
    return table(head, rows)
