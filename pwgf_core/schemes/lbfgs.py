"""The minimiser of the proximal steps: L-BFGS that begins with a metric's inverse."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import NumericalError
from ..linalg import Status

MEMORY = 10  # pairs of changes of θ and of the gradient that are kept

Objective = Callable[[Tensor], tuple[float, Tensor]]  # value and gradient


def minimise(
    objective: Objective,
    theta: Tensor,
    precondition: Callable[[Tensor], Tensor],
    tol: float,
    max_iterations: int,
) -> tuple[Tensor, int, Status, float]:
    """Preconditioned L-BFGS with Armijo backtracking, from θ.

    It ends when a step lowers the objective by less than `tol` of the whole decrease. Returns θ,
    the number of iterations, the status, and the length of the last gradient relative to the first
    one. Raises `NumericalError` where there is no descent from the start.
    """
    value, gradient = objective(theta)
    first, slope0 = value, float(torch.linalg.vector_norm(gradient))
    if not math.isfinite(first + slope0):
        raise NumericalError(
            f"the energy is {first:.4g} and the length of its gradient {slope0:.4g}, which must "
            "be finite; check the input"
        )
    pairs: list[tuple[Tensor, Tensor, Tensor]] = []
    status = Status.MAX_ITERATIONS
    iteration = 0
    for iteration in range(1, max_iterations + 1):
        direction = -_two_loops(pairs, gradient, precondition)
        descent = float(direction @ gradient)
        if not descent < 0:
            pairs.clear()
            direction = -precondition(gradient)
            descent = float(direction @ gradient)
        found = _armijo(objective, theta, direction, value, descent)
        if found is None:
            if iteration == 1 and -descent > 1e-12 * (1 + abs(value)):
                raise NumericalError(
                    "the implicit step found no descent along a direction of slope "
                    f"{descent:.3g}; use a smaller h, a larger tau or more samples"
                )
            status = Status.CONVERGED  # to rounding
            break
        s, y = found[0] - theta, found[2] - gradient
        if float(s @ y) > 1e-12 * float(s.norm() * y.norm()):
            pairs = [*pairs[-MEMORY + 1 :], (s, y, 1 / (s @ y))]
        drop = value - found[1]
        theta, value, gradient = found
        if drop <= tol * (first - value):
            status = Status.CONVERGED
            break
    slope = float(torch.linalg.vector_norm(gradient))
    return theta, iteration, status, slope / slope0 if slope0 else 0.0


def _armijo(
    objective: Objective, theta: Tensor, direction: Tensor, value: float, descent: float
) -> tuple[Tensor, float, Tensor] | None:
    """The first of θ + p, θ + p/4, … that lowers the objective enough, with value and gradient."""
    length = 1.0
    while length > 1e-8:
        trial = theta + length * direction
        new_value, new_gradient = objective(trial)
        if new_value <= value + 1e-4 * length * descent:
            return trial, new_value, new_gradient
        length /= 4
    return None


def _two_loops(
    pairs: list[tuple[Tensor, Tensor, Tensor]],
    gradient: Tensor,
    precondition: Callable[[Tensor], Tensor],
) -> Tensor:
    """The inverse Hessian of L-BFGS applied to a gradient."""
    q, alphas = gradient, []
    for s, y, rho in reversed(pairs):
        alphas.append(rho * (s @ q))
        q = q - alphas[-1] * y
    q = precondition(q)
    for (s, y, rho), alpha in zip(pairs, reversed(alphas), strict=True):
        q = q + (alpha - rho * (y @ q)) * s
    return q
