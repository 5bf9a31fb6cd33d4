"""Wrong versions of functions that chapters check: (chapter, what is replaced, by what).

A mutation maps the right function to the wrong one. Add lines for a new chapter here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from pwgf_core import minres


class Mutation(NamedTuple):
    """`target` is a dotted name as monkeypatch takes it; `slow` where it takes over 10 s."""

    chapter: str
    target: str
    what: str
    mutate: Callable[[Any], Any]
    slow: bool = False


def scaled(factor: float) -> Callable[[Any], Any]:
    """The function times a factor."""
    return lambda right: lambda *args, **options: factor * right(*args, **options)


METRIC, PLANCK = "wasserstein_metric", "fokker_planck_10d"
RELAXED = "relaxed_scheme"

MUTATIONS = [
    Mutation(METRIC, "pwgf_core.PushForward.log_prob", "log ρ of the wrong sign", scaled(-1)),
    Mutation(
        METRIC,
        "pwgf_core.Planar.inverse",
        "T⁻¹ forgotten",
        lambda right: lambda self, theta, x: x,
    ),
    Mutation(
        METRIC,
        "pwgf_core.gradient_part",
        "the symmetric part of M, not the Lyapunov solution",
        lambda right: lambda m, c: (m + m.T) / 2,
    ),
    Mutation(METRIC, "pwgf_core.gradient_part", "twice the solution", scaled(2)),
    Mutation(
        METRIC,
        "pwgf_core.GradientFields.project",
        "no projection",
        lambda right: lambda self, field: field,
    ),
    Mutation(
        METRIC,
        "pwgf_core.WassersteinMetric.weigh",
        "Ĝ in place of G",
        lambda right: lambda self, field: field,
    ),
    Mutation(METRIC, "pwgf_core.RelaxedMetric.matvec", "2Ĝ in place of Ĝ", scaled(2)),
    Mutation(METRIC, "pwgf_core.gaussian_w2", "√2 W₂", scaled(2**0.5)),
    Mutation(
        METRIC,
        "pwgf_core.gaussian_w2",
        "the distance of the square roots of the covariances",
        lambda right: lambda m1, c1, m2, c2: right(m1, c1 @ c1, m2, c2 @ c2),
    ),
    Mutation(
        METRIC,
        "pwgf_core.optimal_matrix",
        "C1^½ C0^{−½}, which is not symmetric",
        lambda right: lambda c0, c1: right(torch.eye(len(c0)), c1) @ right(c0, torch.eye(len(c0))),
    ),
    Mutation(
        METRIC,
        "pwgf_core.gaussian_geodesic",
        "the straight line of covariances",
        lambda right: (
            lambda t, m0, c0, m1, c1: (
                (1 - t) * m0 + t * m1,
                (1 - t) * c0 + t * c1,
            )
        ),
    ),
    Mutation(METRIC, "pwgf_core.gaussian_action", "half the action", scaled(0.5)),
    Mutation(RELAXED, "pwgf_core.RelaxedMetric.matvec", "Ĝ/2 in place of Ĝ", scaled(0.5)),
    Mutation(
        RELAXED,
        "pwgf_core.minres",
        "one iteration too few",
        lambda right: (
            lambda f, b, x0=None, tol=None, max_iterations=None: right(
                f, b, x0, tol, max(1, (max_iterations or len(b)) - 1)
            )
        ),
    ),
    Mutation(
        RELAXED,
        "pwgf_core.least_norm",
        "one solve, with the kernel part",
        lambda right: minres,
    ),
    Mutation(
        RELAXED,
        "pwgf_core.sample_noise",
        "the error of one sample, not the difference of two",
        scaled(0.5**0.5),
    ),
    Mutation(
        RELAXED,
        "pwgf_core.Explicit.parameter_velocity",
        "the gradient form in place of the velocity form",
        lambda right: lambda self, *args: right(replace(self, form="gradient"), *args),
    ),
    Mutation(
        PLANCK,
        "pwgf_core.exact.GaussianSolution.covariance",
        "the covariance runs twice as fast",
        lambda right: lambda self, t: right(self, 2 * t),
        slow=True,
    ),
    Mutation(
        PLANCK,
        "pwgf_core.exact.GaussianSolution.mean",
        "the mean runs backwards",
        lambda right: lambda self, t: right(self, -t),
        slow=True,
    ),
]
