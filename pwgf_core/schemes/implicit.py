"""Proximal steps: θ⁺ minimises a squared distance to θ plus 2h F, in the metric of a projection."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..distributed import check_finite, expectation
from ..errors import (
    NumericalError,
    check_count,
    check_function,
    check_method,
    check_not_negative,
    check_positive,
)
from ..linalg import LinearSolver, minres
from ..metrics import (
    CurvedMetric,
    MetricChoice,
    Relaxed,
    RelaxedMetric,
    largest_eigenvalue,
    positive_part,
)
from ..model import Cloud
from ..state import Info, Problem, State
from ..transforms.base import Jacobian
from .explicit import Explicit, equal_step, mean_square
from .forces import energy_gradient, finite_energy
from .lbfgs import minimise

DENSE_LIMIT = 1000  # parameters up to which the preconditioner is a Cholesky factor
EXTRA = 1e-3  # part of λ_max(G) added to the preconditioner only


@dataclass(frozen=True)
class ImplicitRelaxed:
    """θ⁺ = argmin E|T_θ − T_θk|²/(2h) + τ|θ − θ_k|²/(2h) + F(θ) on one sample.

    The step of a JKO scheme with E|T_θ − T_θk|² ≥ W2² in place of W2²: F falls by at least
    |Δ|²/(2h) ≥ W2²/(2h) on the sample. `tau` is relative to λ_max(Ĝ). The minimiser is L-BFGS,
    started at θ_k and preconditioned by (Ĝ + τI)/h + E[JᵀV″₊J]; its first trial point is a
    linearly implicit Euler step. It stops when a step lowers the objective by less than `tol` of
    the whole decrease, so `tol` is to be small for convergence tests.

    Raises `ValueError` for values out of range, `NumericalError` when no descent is found.

    >>> ImplicitRelaxed(h=0.1).tau
    0.0001
    """

    h: float
    tau: float = 1e-4
    tol: float = 1e-2
    max_iterations: int = 40

    def __post_init__(self) -> None:
        check_positive("h", self.h)
        check_positive("tol", self.tol)
        check_count("max_iterations", self.max_iterations)
        check_not_negative("tau", self.tau)

    @property
    def metric(self) -> MetricChoice:
        """The metric of the squared distance, frozen at θ_k."""
        return Relaxed()

    def step(
        self, problem: Problem, state: State, z: Tensor, limit: float = math.inf
    ) -> tuple[State, Info]:
        """One step on the sample z, of the largest size up to h that divides `limit`."""
        h = equal_step(self.h, limit)
        objective = Proximal(problem, state.theta, z, h, self.metric, self.tau)
        theta, iterations, status, slope = minimise(
            objective, state.theta, objective.precondition, self.tol, self.max_iterations
        )
        energy, distance = objective.parts(theta)
        info = Info(
            h,
            objective.energy0,
            objective.speed,
            math.nan,
            slope,
            iterations,
            status,
            decrease=objective.energy0 - energy,
            distance=distance,
        )
        return replace(state, theta=theta, t=state.t + h, step=state.step + 1), info


class Proximal:
    """The objective of one step, with its gradient and preconditioner, frozen at (θ_k, z).

    The metric's projection P at θ_k acts on the displacement u = T_θ(z) − T_θk(z): the squared
    distance is E[u·Pu] and its gradient 2E[J_θᵀPu], by the envelope theorem.
    """

    def __init__(
        self,
        problem: Problem,
        theta: Tensor,
        z: Tensor,
        h: float,
        metric: MetricChoice,
        tau: float,
    ) -> None:
        self.problem, self.theta, self.z, self.h = problem, theta, z, h
        cloud, jacobian = problem.model.linearize(theta, z)
        self.start = jacobian.x
        v = problem.energy.velocity(cloud)
        check_finite("the velocity", v)
        self.speed = mean_square(v, problem.model.transform)
        self.energy0 = finite_energy(problem, cloud, "on the sample of this step")
        self.metric = metric(jacobian, v)
        start = self.metric.right_hand_side(v)
        if not bool(start.any()):  # an equilibrium
            start = torch.ones_like(theta)
        scale = largest_eigenvalue(self.metric.matvec, start)
        self.tau = tau * scale
        hessian = problem.energy.hessian(cloud)
        check_finite("the Hessian of the potential", hessian)
        hessian = positive_part(hessian)
        curved = CurvedMetric(jacobian, inner=self.metric, hessian=hessian, h=h)
        self.precondition = _inverse(curved.shifted(self.tau + EXTRA * scale), h)

    def parts(self, theta: Tensor) -> tuple[float, float]:
        """F(θ) on the sample and the squared distance E[u·Pu]."""
        cloud, jacobian = self.problem.model.linearize(theta, self.z)
        u = jacobian.x - self.start
        distance = expectation((u * self.metric.weigh(u)).sum(), len(u))
        return float(self.problem.energy.value(cloud)), float(distance)

    def __call__(self, theta: Tensor) -> tuple[float, Tensor]:
        """Value and gradient; the value is infinite where the map is not invertible."""
        try:
            cloud, jacobian = self.problem.model.linearize(theta, self.z)
            energy = self.problem.energy.value(cloud)
        except NumericalError:
            return math.inf, torch.zeros_like(theta)
        u, step = jacobian.x - self.start, theta - self.theta
        pu = self.metric.weigh(u)
        distance = expectation((u * pu).sum(), len(u)) + self.tau * (step @ step)
        gradient = self.metric_gradient(jacobian.vjp(pu), step)
        gradient = gradient + energy_gradient(self.problem.energy, cloud, jacobian)
        return float(distance / (2 * self.h) + energy), gradient

    def metric_gradient(self, total: Tensor, step: Tensor) -> Tensor:
        """(E[JᵀPu] + τ(θ − θ_k))/h."""
        return (expectation(total, len(self.z)) + self.tau * step) / self.h


def _inverse(metric: RelaxedMetric, h: float) -> Callable[[Tensor], Tensor]:
    """g ↦ h·metric⁻¹g: a Cholesky factor for few parameters, a loose MINRES solve for many."""
    if metric.size > DENSE_LIMIT:
        return lambda g: h * minres(metric.matvec, g, tol=1e-2, max_iterations=50).x
    factor, failed = torch.linalg.cholesky_ex(metric.dense())
    if failed:
        raise NumericalError(
            f"the matrix of the implicit step is singular (Cholesky stops at row {int(failed)} of "
            f"{metric.size}); use a larger tau"
        )
    return lambda g: h * torch.cholesky_solve(g[:, None], factor)[:, 0]


@dataclass(frozen=True)
class LinearlyImplicit:
    """θ⁺ = θ + hξ with (G + h E[JᵀV″₊J]) ξ = E[Jᵀv]: one linear solve, stable for stiff V.

    The semi-implicit step with F replaced by its linearisation; only the potential's curvature
    is taken into account. The right-hand side is the velocity form.
    """

    h: float
    solver: LinearSolver | None = None
    choice: MetricChoice = field(default_factory=Relaxed)

    def __post_init__(self) -> None:
        check_positive("h", self.h)
        check_function("choice", self.choice)
        if self.solver is not None:
            check_method("solver", self.solver, "solve")

    def step(
        self, problem: Problem, state: State, z: Tensor, limit: float = math.inf
    ) -> tuple[State, Info]:
        """One step on the sample z, of the largest size up to h that divides `limit`."""
        h = equal_step(self.h, limit)

        def curved(jacobian: Jacobian, v: Tensor | None) -> RelaxedMetric:
            hessian = problem.energy.hessian(Cloud(jacobian.x))
            check_finite("the Hessian of the potential", hessian)
            inner = self.choice(jacobian, v)
            return CurvedMetric(jacobian, inner=inner, hessian=positive_part(hessian), h=h)

        step = Explicit(h, "euler", solver=self.solver, metric=curved)
        return step.step(problem, state, z)
