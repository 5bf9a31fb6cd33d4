"""A run measured on points that no step has seen, against the exact solution."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from .errors import NumericalError, check_count, check_real, check_type
from .flow import Trajectory
from .model import Cloud
from .state import Problem

EVALUATION_SAMPLES = 65536
PAIRWISE_SAMPLES = 4096  # as many squared are pairs of points
EVALUATION_SEED = 20220601


@dataclass(frozen=True)
class Evaluation:
    """Energy and named errors at the times of a run, one float per time."""

    times: list[float]
    energy: list[float]
    errors: dict[str, list[float]]


def evaluation_cloud(problem: Problem, theta: Tensor, n: int = EVALUATION_SAMPLES) -> Cloud:
    """ρ_θ on a fixed sample in double precision: matched Sobol points, or the best λ can draw.

    The points depend on n alone, not on the run: no step has seen them.
    """
    check_type("problem", problem, Problem)
    check_real("theta", theta, (problem.model.transform.n_params,))
    check_count("n", n)
    generator = Generator().manual_seed(EVALUATION_SEED)
    reference = problem.model.reference
    z = reference.draw(n, generator, torch.float64, reference.samplings[-1]).to(theta)
    return problem.model.cloud(theta, z)


def evaluate(problem: Problem, run: Trajectory, n: int | None = None) -> Evaluation:
    """Energy F(θ) and the errors against the exact solution at every recorded time.

    By default n = 65 536 points, or 4096 where the energy is a sum over pairs of points. Both are
    NaN where a failed run has left a map that folds.
    """
    check_type("problem", problem, Problem)
    check_type("run", run, Trajectory)
    if n is None:
        n = PAIRWISE_SAMPLES if problem.energy.pairwise else EVALUATION_SAMPLES
    energy: list[float] = []
    errors: dict[str, list[float]] = {}
    for t, theta in zip(run.times, run.thetas, strict=True):
        try:
            cloud = evaluation_cloud(problem, theta, n)
            value = float(problem.energy.value(cloud))
            found = problem.exact.errors(cloud, t) if problem.exact else {}
        except NumericalError:  # ρ_θ has no density: the map folds on the evaluation's points
            value, found = math.nan, dict.fromkeys(errors, math.nan)
        energy.append(value)
        for name, error in found.items():
            errors.setdefault(name, []).append(error)
    return Evaluation(list(run.times), energy, errors)
