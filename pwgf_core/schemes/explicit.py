"""Explicit Runge–Kutta steps for θ̇ = ξ(θ), ξ the projected velocity."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..distributed import expectation
from ..energies import Energy
from ..errors import NumericalError, check_choice, check_positive
from ..linalg import LinearSolver, Solution, Status
from ..metrics import RelaxedMetric
from ..model import Cloud
from ..state import Info, Problem, State
from ..transforms.base import Jacobian

TABLEAUX: dict[str, tuple[list[list[float]], list[float]]] = {
    "euler": ([[]], [1.0]),
    "midpoint": ([[], [0.5]], [0.0, 1.0]),
    "rk4": ([[], [0.5], [0.0, 0.5], [0.0, 0.0, 1.0]], [1 / 6, 1 / 3, 1 / 3, 1 / 6]),
}
FORMS = ("velocity", "gradient")


def energy_gradient(energy: Energy, cloud: Cloud, jacobian: Jacobian) -> Tensor:
    """∇_θ F of the sample average: Σ_n J_nᵀ ∂F/∂x_n − ∂F/∂log ρ_n ∇_θ log|det DT|, shape (m,)."""
    with torch.enable_grad():
        x = cloud.x.detach().requires_grad_()
        log_rho = torch.zeros_like(x[:, 0]).requires_grad_()
        value = energy.value(Cloud(x, lambda: log_rho + cloud.log_rho.detach()))
        if not value.requires_grad:  # a constant
            return torch.zeros_like(jacobian.theta)
        by_x, by_log_rho = torch.autograd.grad(value, (x, log_rho), allow_unused=True)
    by_x = torch.zeros_like(x) if by_x is None else by_x
    return jacobian.vjp(by_x, None if by_log_rho is None else -by_log_rho)


@dataclass(frozen=True)
class Explicit:
    """θ⁺ by an explicit Runge–Kutta step of θ̇ = ξ, where the metric times ξ is g.

    `form="velocity"` (the default) takes g = E[Jᵀv] with the pointwise velocity v = −∇δF/δρ, so
    that ξ minimises E|Jξ − v|²; `form="gradient"` takes g = −∇_θF of the sample average, as on
    the slides: the same expectation with a far larger Monte-Carlo error. `method` is `euler`
    (as on the slides), `midpoint` or `rk4`. Without `solver` the problem's own is used. The sample
    stays fixed during a step.

    Raises `ValueError` for another method or form or an h that is not positive.

    >>> Explicit(h=0.1, method="rk4").stages
    4
    """

    h: float
    method: str = "midpoint"
    form: str = "velocity"
    solver: LinearSolver | None = None
    metric: Callable[[Jacobian], RelaxedMetric] = RelaxedMetric

    def __post_init__(self) -> None:
        check_positive("h", self.h)
        check_choice("method", self.method, TABLEAUX)
        check_choice("form", self.form, FORMS)

    @property
    def stages(self) -> int:
        """Linear solves in a step."""
        return len(TABLEAUX[self.method][1])

    def parameter_velocity(
        self, problem: Problem, theta: Tensor, z: Tensor, previous: Solution | None = None
    ) -> tuple[Solution, Info]:
        """ξ(θ) on the sample z, as the solution of metric ξ = g, with the report of the solve."""
        cloud, jacobian = problem.model.linearize(theta, z)
        metric = self.metric(jacobian)
        if self.form == "velocity":
            v = problem.energy.velocity(cloud)
            g = metric.right_hand_side(v)
        else:
            v = None
            g = -energy_gradient(problem.energy, cloud, jacobian)
        solution = (self.solver or problem.solver).solve(metric, g, previous)
        if solution.status is Status.NON_FINITE:
            raise NumericalError(f"the linear solve failed: {solution.status.advice}")
        speed = misfit = math.nan
        if v is not None:
            speed = float(expectation((v * v).sum(), len(z)))
            misfit = float(expectation((jacobian.jvp(solution.x) - v).square().sum(), len(z)))
        energy = float(problem.energy.value(cloud))
        info = Info(energy, speed, misfit, solution.residual, solution.iterations, solution.status)
        return solution, info

    def step(self, problem: Problem, state: State, z: Tensor) -> tuple[State, Info]:
        """One step of size h on the sample z."""
        rows, weights = TABLEAUX[self.method]
        solution, infos, slopes = state.solution, [], []
        for row in rows:
            theta = state.theta
            for a, slope in zip(row, slopes, strict=True):
                theta = theta + (self.h * a) * slope
            solution, info = self.parameter_velocity(problem, theta, z, solution)
            infos.append(info)
            slopes.append(solution.x)
        theta = state.theta
        for weight, slope in zip(weights, slopes, strict=True):
            theta = theta + (self.h * weight) * slope
        if not bool(torch.isfinite(theta).all()):
            raise NumericalError(f"theta is no longer finite at t = {state.t:.4g}; reduce h")
        worst = max(infos, key=lambda i: (i.status is not Status.CONVERGED, i.residual))
        info = replace(
            infos[0],
            residual=max(i.residual for i in infos),
            iterations=sum(i.iterations for i in infos),
            status=worst.status,
        )
        return State(theta, state.t + self.h, state.step + 1, solution), info
