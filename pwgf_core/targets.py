"""Random Ornstein–Uhlenbeck targets from a file: one setting for all, and the errors of each."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Generator
from torch.distributions import MultivariateNormal
from tqdm.std import tqdm

from .diagnostics import energy_distance, symmetric_kl
from .errors import check_count, check_covariance, check_real, check_type, check_values, shown
from .evaluation import EVALUATION_SEED
from .exact import OrnsteinUhlenbeck
from .flow import evolve
from .linalg import Minres
from .problems.ornstein_uhlenbeck import ornstein_uhlenbeck
from .reference import Gaussian
from .schemes import Explicit
from .state import Problem

TIMES = (0.5, 0.9)
POINTS = 16384
SCHEME = Explicit(0.2, "adaptive", tol=2e-3, solver=Minres(tol=2e-4))


def read_targets(path: str | PathLike[str]) -> dict[str, Any]:
    """The file's content. Raises `ValueError` unless it holds `times` and well-formed `cases`.

    Each case has `dim`, `seed`, `mean` (dim numbers) and `cov` (dim × dim numbers), and may have
    `published`, a dictionary of methods with lists `kl_train` and `kl_target` over `times`.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        data["times"] = [float(t) for t in data.get("times", [])]
        for case in data["cases"]:
            check_case(case, len(data["times"]))
    except (OSError, LookupError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        raise ValueError(f"{path} is no file of targets: {shown(error)}") from None
    return data


def check_case(case: dict[str, Any], times: int) -> None:
    """Raise `ValueError` unless the numbers of a case fit together."""
    check_count("dim", case["dim"])
    check_count("seed", case["seed"], 0)
    mean, covariance = (torch.tensor(case[k], dtype=torch.float64) for k in ("mean", "cov"))
    check_real("mean", mean, (case["dim"],))
    check_values("mean", mean)
    check_covariance("cov", covariance, case["dim"])
    for method, values in case.get("published", {}).items():
        for name in ("kl_train", "kl_target"):
            found = torch.tensor(values[name], dtype=torch.float64)
            check_real(f"{name} of {method}", found, (times,))
        if not times:
            raise ValueError(f"times must hold at least one time for {method}, got none")


def run_targets(
    data: dict[str, Any],
    transform: str = "planar",
    samples: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> list[dict[str, Any]]:
    """Solve every case of `read_targets` with one setting, up to t = 0.9.

    Each row has `dim`, `seed`, `status`, `seconds`, and at t = 0.5 and 0.9 the `symmetric_kl` and
    the `energy_distance` to the exact law, on 16 384 points, and where the file has them the
    `published` symmetric KL of each method.
    """
    check_type("data", data, dict)
    check_count("seed", seed, 0)
    rows = []
    for case in tqdm(data["cases"], disable=not progress, desc="targets", unit="case"):
        problem = ornstein_uhlenbeck(
            transform,
            mean=torch.tensor(case["mean"], dtype=torch.float64),
            covariance=torch.tensor(case["cov"], dtype=torch.float64),
        )
        run = evolve(
            problem, SCHEME, t_end=0.9, samples=samples, seed=seed, record=9, progress=False
        )
        row = {"dim": case["dim"], "seed": case["seed"], "status": run.status}
        row |= {"seconds": run.seconds, "steps": run.state.step}
        if run.status == "completed":
            found = [compare(problem, run.thetas[round(10 * t)], t) for t in TIMES]
            row["symmetric_kl"], row["energy_distance"] = map(list, zip(*found, strict=True))
        row["published"] = {
            method: [a + b for t in TIMES for a, b in [_at(data["times"], values, t)]]
            for method, values in case.get("published", {}).items()
        }
        rows.append(row)
    return rows


def _at(times: list[float], values: dict[str, list[float]], t: float) -> tuple[float, float]:
    """KL in both directions at the time t of the file."""
    i = min(range(len(times)), key=lambda k: abs(times[k] - t))
    return values["kl_train"][i], values["kl_target"][i]


def compare(problem: Problem, theta: torch.Tensor, t: float) -> tuple[float, float]:
    """Symmetric KL and energy distance between ρ_θ and the exact law at time t."""
    exact = problem.exact
    assert isinstance(exact, OrnsteinUhlenbeck)
    model, dim = problem.model, problem.model.dim
    law = MultivariateNormal(exact.mean(t), exact.covariance(t))
    generator = Generator().manual_seed(EVALUATION_SEED)
    z = Gaussian(dim).draw(POINTS, generator, sampling="sobol")
    x = model.cloud(theta, z).x
    y = exact.mean(t) + Gaussian(dim).draw(POINTS, generator, sampling="sobol") @ law.scale_tril.T

    def round_trip(points: torch.Tensor) -> torch.Tensor:
        return model.transform(theta, model.transform.inverse(theta, points))

    skl = symmetric_kl(x, lambda p: model.log_prob(theta, p), y, law.log_prob, round_trip)
    return skl, energy_distance(x[:4096], y[:4096], distinct=False)
