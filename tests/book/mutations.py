"""Wrong versions of functions that chapters check: (chapter, what is replaced, by what).

A mutation maps the right function to the wrong one. Add lines for a new chapter here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from pwgf_core import Explicit, Relaxed, RelaxedMetric, minres


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
FLOWS = "wasserstein_flows"

MAPS = "push_forward_models"

OTHERS = "other_methods"

TWO = "two_metrics"

THIRTY = "fokker_planck_30d"

POROUS, STIFF = "porous_medium", "stiff_problems"

AGGREGATION = "aggregation_2d"

BILEVEL = "bilevel_scheme"

RELAXED = "relaxed_scheme"

PICTURES = "flows_in_pictures"

ERRORS = "error_analysis"

PROCESSES = "several_processes"

SPEED = "speed"

GROWING = "letting_the_flow_grow"


def explicit_euler(right: Any) -> Any:
    """An explicit Euler step in place of the step of a proximal scheme."""
    return lambda self, problem, state, z, limit=math.inf: Explicit(self.h, "euler").step(
        problem, state, z, limit
    )


SEEN = "what_we_have_seen"

AGAINST = "g_against_ghat"

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
        "the mean runs twice as fast",
        lambda right: lambda self, t: right(self, 2 * t),
        slow=True,
    ),
    Mutation(
        FLOWS,
        "pwgf_core.FokkerPlanck1D.first_variation",
        "the first variation twice as large",
        scaled(2),
    ),
    Mutation(
        FLOWS,
        "pwgf_core.PorousMedium1D.first_variation",
        "m ρ^{m−1} in place of m ρ^{m−1}/(m − 1)",
        lambda right: lambda self, t: (self.m - 1) * right(self, t),
    ),
    Mutation(FLOWS, "pwgf_core.Entropy.velocity", "an attractive entropy", scaled(-1)),
    Mutation(FLOWS, "pwgf_core.QuarticInteraction.value", "no factor ½", scaled(2)),
    Mutation(
        FLOWS,
        "pwgf_core.exact.OrnsteinUhlenbeck.kl",
        "the factor D forgotten",
        lambda right: lambda self, t: self.diffusion * right(self, t),
    ),
    Mutation(
        FLOWS,
        "pwgf_core.FokkerPlanck1D.velocity",
        "particles that do not diffuse",
        lambda right: lambda self, x, t: x - x**3,
    ),
    Mutation(FLOWS, "pwgf_core.FokkerPlanck1D.dissipation", "half the dissipation", scaled(0.5)),
    Mutation(
        FLOWS,
        "pwgf_core.gaussian_geodesic",
        "a path that is not straight",
        lambda right: lambda t, *ends: right(t * t, *ends),
        slow=True,
    ),
    Mutation(
        FLOWS,
        "pwgf_core.exact.GaussianSolution.mean",
        "the mean runs twice as fast",
        lambda right: lambda self, t: right(self, 2 * t),
    ),
    Mutation(
        MAPS,
        "pwgf_core.Affine.split",
        "Uᵀ in place of U",
        lambda right: lambda self, theta: (right(self, theta)[0].T, right(self, theta)[1]),
    ),
    Mutation(MAPS, "pwgf_core.PushForward.log_prob", "log ρ of the wrong sign", scaled(-1)),
    Mutation(
        MAPS,
        "pwgf_core.Planar.inverse",
        "T⁻¹ forgotten",
        lambda right: lambda self, theta, x: x,
    ),
    Mutation(
        MAPS,
        "pwgf_core.transforms.planar_jacobian.PlanarJacobian.det",
        "1 − t′ w·u",
        lambda right: property(lambda self: 1 - self.slope * self.wu[:, None]),
    ),
    Mutation(
        MAPS,
        "pwgf_core.NeuralODE.field",
        "twice the divergence",
        lambda right: (
            lambda self, theta, x, t: (right(self, theta, x, t)[0], 2 * right(self, theta, x, t)[1])
        ),
        slow=True,
    ),
    Mutation(
        MAPS,
        "pwgf_core.Jacobian.score",
        "the score of λ, not of ρ",
        lambda right: lambda self, score_z: score_z,
        slow=True,
    ),
    Mutation(
        MAPS,
        "pwgf_core.transforms.planar_jacobian.check_invertible",
        "a fold is not reported",
        lambda right: lambda smallest, what: None,
        slow=True,
    ),
    Mutation(
        OTHERS,
        "rivals.langevin",
        "half the noise",
        lambda right: (
            lambda gradient, x, t, steps, diffusion, generator: right(
                gradient, x, t, steps, diffusion / 4, generator
            )
        ),
    ),
    Mutation(
        OTHERS,
        "rivals.blob_velocity",
        "the wrong power of the density",
        lambda right: lambda x, w, epsilon, m=1.0: right(x, w, epsilon, m + 1),
    ),
    Mutation(
        OTHERS,
        "rivals.stein_direction",
        "points that attract each other",
        lambda right: lambda score, x, s=None: 2 * right(score, x, s) - right(score, -x, s),
        slow=True,
    ),
    Mutation(
        TWO,
        "pwgf_core.WassersteinMetric.gram",
        "Ĝ in place of G",
        lambda right: RelaxedMetric.gram,
    ),
    Mutation(TWO, "pwgf_core.lyapunov", "twice the solution", scaled(2)),
    Mutation(TWO, "pwgf_core.RelaxedMetric.right_hand_side", "2g in place of g", scaled(2)),
    Mutation(
        TWO,
        "pwgf_core.WassersteinMetric.weigh",
        "no projection",
        lambda right: lambda self, field: field,
    ),
    Mutation(
        TWO,
        "pwgf_core.exact.ProjectedGaussian._rate",
        "the relaxed flow for both metrics",
        lambda right: lambda self, matrix: self._free * (self._field(matrix) @ matrix),
        slow=True,
    ),
    Mutation(
        TWO,
        "pwgf_core.transforms.reparametrised.ReparametrisedJacobian.pullback",
        "Dφ forgotten in Jᵀ",
        lambda right: (
            lambda self, r, q=None: (
                self.inner.pullback(r, q)[0][: len(self.theta)],
                self.inner.pullback(r, q)[1],
            )
        ),
    ),
    Mutation(THIRTY, "pwgf_core.FokkerPlanck1D.rates", "twice the rates", scaled(2), slow=True),
    Mutation(
        THIRTY,
        "pwgf_core.FokkerPlanck1D._step",
        "a step of half the length",
        lambda right: lambda self, rho, dt, first: right(self, rho, dt / 2, first),
        slow=True,
    ),
    Mutation(
        THIRTY,
        "pwgf_core.problems.families.own_frame",
        "the axes of x in place of the own frame",
        lambda right: lambda energy, seed, dim: torch.eye(dim, dtype=torch.float64),
        slow=True,
    ),
    Mutation(
        THIRTY,
        "pwgf_core.FiniteVolume1D.log_density",
        "the density of another time",
        lambda right: lambda self, x, t: right(self, x, t / 2),
        slow=True,
    ),
    Mutation(
        POROUS,
        "pwgf_core.BarenblattSolution.variance",
        "R²/(d + 2)",
        lambda right: lambda self, t: self.radius(t) ** 2 / (self.dim + 2),
        slow=True,
    ),
    Mutation(POROUS, "pwgf_core.BarenblattSolution.energy", "2F", scaled(2), slow=True),
    Mutation(
        POROUS,
        "pwgf_core.BarenblattSolution.scale",
        "the exponent of diffusion, ½, for β",
        lambda right: lambda self, t: right(self, t) ** (0.5 / self.beta),
        slow=True,
    ),
    Mutation(
        POROUS, "pwgf_core.PorousMedium.velocity", "the velocity −∇ρ^{m−1}", scaled(0.5), True
    ),
    Mutation(
        STIFF,
        "pwgf_core.gaussian_proximal_step",
        "the explicit Euler step",
        lambda right: (
            lambda sigma, b, h, p, mean, diffusion=1.0: (
                sigma + h * (diffusion / sigma - p * sigma),
                b - h * p * (b - mean),
            )
        ),
        slow=True,
    ),
    Mutation(
        STIFF,
        "pwgf_core.schemes.implicit.equal_step",
        "a proximal step of half the length",
        lambda right: lambda h, limit: right(h, limit) / 2,
        slow=True,
    ),
    Mutation(
        STIFF,
        "pwgf_core.StepDoubling._attempt",
        "a gap four times too small",
        lambda right: lambda *args: (*(found := right(*args))[:2], found[2] / 4),
        slow=True,
    ),
    Mutation(STIFF, "pwgf_core.gaussian_w2", "√2 W₂", scaled(2**0.5), slow=True),
    Mutation(
        AGGREGATION,
        "pwgf_core.QuarticInteraction.value",
        "F without the factor ½",
        scaled(2),
        slow=True,
    ),
    Mutation(
        AGGREGATION,
        "pwgf_core.QuarticInteraction.velocity",
        "the term 2Cx of the velocity forgotten",
        lambda right: lambda self, cloud: right(self, cloud) + 2 * cloud.x @ torch.cov(cloud.x.T),
        slow=True,
    ),
    Mutation(
        AGGREGATION,
        "pwgf_core.Aggregation2D.map",
        "the exact map runs twice as fast",
        lambda right: lambda self, z, t: right(self, z, 2 * t),
        slow=True,
    ),
    Mutation(
        AGGREGATION,
        "pwgf_core.metric_spectrum",
        "the spectrum of Ĝ + I",
        lambda right: lambda jacobian: right(jacobian) + 1,
        slow=True,
    ),
    Mutation(
        BILEVEL,
        "pwgf_core.gaussian_proximal_step",
        "half the step",
        lambda right: (
            lambda sigma, b, h, p, mean, diffusion=1.0: right(sigma, b, h / 2, p, mean, diffusion)
        ),
    ),
    Mutation(
        BILEVEL,
        "pwgf_core.BiLevel.metric",
        "Ĝ in place of G",
        lambda right: property(lambda self: Relaxed()),
    ),
    Mutation(
        BILEVEL,
        "pwgf_core.GradientFields.project",
        "no projection",
        lambda right: lambda self, field: field,
    ),
    Mutation(
        BILEVEL,
        "pwgf_core.Planar.inverse",
        "T⁻¹ forgotten",
        lambda right: lambda self, theta, x: x,
    ),
    Mutation(
        BILEVEL,
        "pwgf_core.PotentialNetwork._gradient",
        "a potential without its quadratic part",
        lambda right: (
            lambda self, theta, x: right(
                self, torch.cat([theta[: -(self.dim**2)], 0 * theta[-(self.dim**2) :]]), x
            )
        ),
        slow=True,
    ),
    Mutation(
        PICTURES,
        "pwgf_core.FokkerPlanck1D.velocity",
        "particles that do not diffuse",
        lambda right: lambda self, x, t: 2 * x - x**3 + 0.25,
    ),
    Mutation(PICTURES, "pwgf_core.PorousMedium1D._step", "mass that leaks", scaled(1 - 1e-6)),
    Mutation(PICTURES, "pwgf_core.QuarticInteraction.value", "no factor ½", scaled(2)),
    Mutation(
        PICTURES,
        "pwgf_core.FiniteVolume1D.dissipation",
        "half the dissipation",
        scaled(0.5),
    ),
    Mutation(
        PICTURES,
        "pwgf_core.RelaxedMetric.right_hand_side",
        "0.9 g in place of g",
        scaled(0.9),
        slow=True,
    ),
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
        ERRORS,
        "pwgf_core.misfits",
        "√δ in place of δ",
        lambda right: (
            lambda *args, **options: (found := right(*args, **options))._replace(
                relaxed=found.relaxed**0.5
            )
        ),
    ),
    Mutation(
        ERRORS,
        "pwgf_core.growth_bound",
        "λ of the wrong sign",
        lambda right: lambda t, lam, delta, e0=0.0: right(t, -lam, delta, e0),
    ),
    Mutation(
        ERRORS,
        "pwgf_core.residual_along",
        "half of the residual",
        lambda right: lambda *args: [r / 4 for r in right(*args)],
        slow=True,
    ),
    Mutation(
        STIFF,
        "pwgf_core.metrics.CurvedMetric.weigh",
        "twice the curvature",
        lambda right: lambda self, field: 2 * right(self, field) - field,
        slow=True,
    ),
    Mutation(
        PLANCK,
        "pwgf_core.gaussian_proximal_step",
        "half the step",
        lambda right: (
            lambda sigma, b, h, p, mean, diffusion=1.0: right(sigma, b, h / 2, p, mean, diffusion)
        ),
        slow=True,
    ),
    Mutation(
        PLANCK,
        "pwgf_core.BiLevel.step",
        "the explicit Euler step",
        explicit_euler,
        slow=True,
    ),
    Mutation(
        SEEN,
        "pwgf_core.growth_bound_along",
        "a bound a hundredth as large",
        lambda right: lambda *args: [b / 100 for b in right(*args)],
    ),
    Mutation(SEEN, "pwgf_core.BiLevel.step", "the explicit Euler step", explicit_euler),
    Mutation(
        AGAINST,
        "pwgf_core.GradientFields.project",
        "no projection",
        lambda right: lambda self, field: field,
    ),
    Mutation(
        AGAINST,
        "pwgf_core.exact.ProjectedGaussian._rate",
        "the relaxed flow for both metrics",
        lambda right: lambda self, matrix: self._free * (self._field(matrix) @ matrix),
    ),
    Mutation(
        AGAINST,
        "pwgf_core.exact.ProjectedGaussian.misfits",
        "the roots of the misfits",
        lambda right: lambda self, t: tuple(d**0.5 for d in right(self, t)),
    ),
    Mutation(
        AGAINST,
        "pwgf_core.BiLevel.metric",
        "Ĝ in place of G",
        lambda right: property(lambda self: Relaxed()),
    ),
    Mutation(
        AGAINST,
        "pwgf_core.ImplicitRelaxed.step",
        "the explicit Euler step",
        lambda right: (
            lambda self, problem, state, z, limit=math.inf: Explicit(self.h, "euler").step(
                problem, state, z, limit
            )
        ),
    ),
    Mutation(
        PROCESSES,
        "pwgf_core.distributed.World.shard",
        "parts that overlap by a point",
        lambda right: lambda self, z: torch.cat([right(self, z), z[:1]]),
    ),
    Mutation(
        PROCESSES,
        "pwgf_core.Machine.all_reduce",
        "a sum in one message",
        lambda right: lambda self, numbers, processes: self.latency,
    ),
    Mutation(
        SPEED,
        "pwgf_core.RelaxedMetric.matvec",
        "the product made twice",
        lambda right: lambda self, v: (right(self, v), right(self, v))[1],
    ),
    Mutation(GROWING, "pwgf_core.growth.gains", "nine tenths of the gain", scaled(0.9)),
    Mutation(
        GROWING,
        "pwgf_core.growth.insert",
        "layers that enter with a little u",
        lambda right: lambda *args: (found := right(*args))._replace(start=found.start + 1e-6),
    ),
    Mutation(
        GROWING,
        "pwgf_core.certificate",
        "a bound a hundredth as large",
        lambda right: (
            lambda *args: (found := right(*args))._replace(bound=[b / 100 for b in found.bound])
        ),
    ),
    Mutation(
        GROWING,
        "pwgf_core.prune",
        "half of the bound",
        lambda right: lambda *args: (found := right(*args))._replace(w2_bound=found.w2_bound / 2),
    ),
]
