"""Explicit Runge–Kutta steps for θ̇ = ξ(θ), ξ the projected velocity."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..distributed import check_finite, expectation
from ..errors import (
    NumericalError,
    check_choice,
    check_function,
    check_method,
    check_positive,
    check_type,
)
from ..linalg import LinearSolver, Solution, Status
from ..metrics import MetricChoice, Relaxed
from ..state import Info, Problem, State
from ..transforms import Transform
from .control import controlled
from .forces import check_parameters, energy_gradient, finite_energy, jump_force

# Rows of stage coefficients, weights, and for the adaptive pair the weights of lower order.
# The pair is Ralston's third-order rule with the midpoint rule inside: no further solve.
TABLEAUX: dict[str, tuple[list[list[float]], list[float], list[float] | None]] = {
    "euler": ([[]], [1.0], None),
    "midpoint": ([[], [0.5]], [0.0, 1.0], None),
    "rk4": ([[], [0.5], [0.0, 0.5], [0.0, 0.0, 1.0]], [1 / 6, 1 / 3, 1 / 3, 1 / 6], None),
    "adaptive": ([[], [0.5], [0.0, 0.75]], [2 / 9, 1 / 3, 4 / 9], [0.0, 1.0, 0.0]),
}
FORMS = ("velocity", "gradient")
STAGNANT = 0.999  # of the right-hand side: a residual that ξ = 0 has too
UNFINISHED = (Status.MAX_ITERATIONS, Status.ILL_CONDITIONED)


def equal_step(h: float, limit: float) -> float:
    """The largest step of at most h that divides `limit` into equal parts."""
    return h if math.isinf(limit) else limit / max(1, math.ceil(limit / h - 1e-9))


def mean_square(v: Tensor, transform: Transform) -> float:
    """E|v|² of a velocity at the points; NaN where its smooth part is not all of it."""
    return float(expectation(v.square().sum(), len(v))) if transform.smooth else math.nan


@dataclass(frozen=True)
class Explicit:
    """θ⁺ by an explicit Runge–Kutta step of θ̇ = ξ, where the metric times ξ is g.

    `form="velocity"` (the default) takes g = E[Jᵀv] with the pointwise velocity v = −∇δF/δρ, so
    that ξ minimises E|Jξ − v|²; `form="gradient"` takes g = −∇_θF of the sample average, as on
    the slides: the same expectation with a far larger Monte-Carlo error. `method` is `euler`
    (as on the slides), `midpoint`, `rk4`, or `adaptive`, an embedded pair of orders 3 and 2 that
    chooses its steps up to h for an error of `tol` per step. Without `solver` the problem's own is
    used. The sample stays fixed during a step. Where ρ_θ jumps, v is no function: its smooth
    part stands for it, `jump_force` adds the rest to g, and speed and misfit are NaN.

    Raises `ValueError` for another method or form or an h that is not positive.

    >>> Explicit(h=0.1, method="rk4").stages
    4
    """

    h: float
    method: str = "midpoint"
    form: str = "velocity"
    solver: LinearSolver | None = None
    metric: MetricChoice = field(default_factory=Relaxed)
    tol: float = 3e-3

    def __post_init__(self) -> None:
        check_positive("h", self.h)
        check_choice("method", self.method, TABLEAUX)
        check_choice("form", self.form, FORMS)
        check_positive("tol", self.tol)
        check_function("metric", self.metric)
        if self.solver is not None:
            check_method("solver", self.solver, "solve")

    @property
    def stages(self) -> int:
        """Linear solves in a step."""
        return len(TABLEAUX[self.method][1])

    def parameter_velocity(
        self, problem: Problem, theta: Tensor, z: Tensor, previous: Solution | None = None
    ) -> tuple[Solution, Info]:
        """ξ(θ) on the sample z, as the solution of metric ξ = g, with the report of the solve."""
        check_type("problem", problem, Problem)
        cloud, jacobian = problem.model.linearize(theta, z)
        v = problem.energy.velocity(cloud) if self.form == "velocity" else None
        if v is not None:
            check_finite("the linear solve failed: the velocity", v)
        metric = self.metric(jacobian, v)
        if v is not None:
            g = metric.right_hand_side(v)
            if not problem.model.transform.smooth:
                g = g + jump_force(problem.energy, cloud, jacobian)
        else:
            g = -energy_gradient(problem.energy, cloud, jacobian)
        solution = (self.solver or problem.solver).solve(metric, g, previous, v)
        if solution.status is Status.NON_FINITE:
            raise NumericalError(f"the linear solve failed: {solution.status.advice}")
        if solution.residual > STAGNANT and solution.status in UNFINISHED:
            raise NumericalError(
                f"the linear solve stagnates: after {solution.iterations} iterations its residual "
                f"is {solution.residual:.3g} of the right-hand side, no better than a velocity of "
                f"zero ({solution.status}); {solution.status.advice}"
            )
        speed = misfit = math.nan
        if v is not None and problem.model.transform.smooth:
            speed = float(expectation((v * v).sum(), len(z)))
            misfit = float(expectation((jacobian.jvp(solution.x) - v).square().sum(), len(z)))
        energy = finite_energy(problem, cloud, "on the sample of this step")
        info = Info(
            self.h, energy, speed, misfit, solution.residual, solution.iterations, solution.status
        )
        return solution, info

    def step(
        self, problem: Problem, state: State, z: Tensor, limit: float = math.inf
    ) -> tuple[State, Info]:
        """One step on the sample z, of at most h and `limit`.

        A fixed method divides `limit` into equal steps. The adaptive one repeats with a smaller
        step until the L²(λ) norm of its estimated error in T_θ is below tol, and after a
        `NumericalError`, which it raises only when the step has become vanishingly small
        (`controlled`).
        """
        if TABLEAUX[self.method][2] is None:
            state, info, _ = self._attempt(problem, state, z, equal_step(self.h, limit))
            return state, info

        def attempt(h: float) -> tuple[State, Info, float]:
            return self._attempt(problem, state, z, h)

        return controlled(attempt, state, self.h, limit, self.tol, order=2)

    def _attempt(
        self, problem: Problem, state: State, z: Tensor, h: float
    ) -> tuple[State, Info, float]:
        """A step of size h, its report, and the estimated error E|J Δθ|² ^½ of an adaptive pair."""
        rows, weights, lower = TABLEAUX[self.method]
        solution, infos, slopes = state.solution, [], []
        for row in rows:
            theta = state.theta + h * _combine(row, slopes) if row else state.theta
            solution, info = self.parameter_velocity(problem, theta, z, solution)
            infos.append(info)
            slopes.append(solution.x)
        theta = state.theta + h * _combine(weights, slopes)
        check_parameters(theta, h)
        cloud = problem.model.cloud_of(problem.model.transform.jacobian(theta, z), z)
        energy = finite_energy(problem, cloud, f"after a step of h = {h:.4g}")
        error = 0.0
        if lower is not None:
            gap = h * _combine([a - b for a, b in zip(weights, lower, strict=True)], slopes)
            field = problem.model.transform.jacobian(state.theta, z).jvp(gap)
            error = math.sqrt(float(expectation(field.square().sum(), len(z))))
        worst = max(infos, key=lambda i: (i.status is not Status.CONVERGED, i.residual))
        info = replace(
            infos[0],
            h=h,
            residual=max(i.residual for i in infos),
            iterations=sum(i.iterations for i in infos),
            status=worst.status,
            decrease=infos[0].energy - energy,
        )
        after = replace(state, theta=theta, t=state.t + h, step=state.step + 1, solution=solution)
        return after, info, error


def _combine(weights: list[float], slopes: list[Tensor]) -> Tensor:
    """Σ_i w_i ξ_i."""
    return torch.stack([w * s for w, s in zip(weights, slopes, strict=True)]).sum(0)
