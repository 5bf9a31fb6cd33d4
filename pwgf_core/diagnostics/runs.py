"""What a run shows: orders of convergence, sampling noise, and dissipation of the energy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from ..errors import check_count, check_lists, check_positive, check_real, check_type, shown
from ..flow import Trajectory
from ..schemes.explicit import Explicit
from ..state import Problem


def convergence_order(h: Sequence[float], error: Sequence[float]) -> float:
    """Slope of log error against log h by least squares.

    >>> round(convergence_order([0.1, 0.05, 0.025], [4e-2, 1e-2, 2.5e-3]), 6)
    2.0
    """
    check_lists(2, h=h, error=error)
    for name, values in (("h", h), ("error", error)):
        for value in values:
            check_positive(name, value)
    if len({float(value) for value in h}) < 2:
        raise ValueError(f"h must hold two different values or more, got {shown(h)}")
    x, y = (torch.tensor(a, dtype=torch.float64).log() for a in (h, error))
    x, y = x - x.mean(), y - y.mean()
    return float((x @ y) / (x @ x))


def sample_noise(
    problem: Problem, scheme: Explicit, theta: Tensor, samples: int, seed: int = 0
) -> float:
    """Monte-Carlo noise of the projected velocity Jξ, relative to its size.

    Two independent samples of `samples` points give ξ₁ and ξ₂; on a third, the root mean square
    of J(ξ₁ − ξ₂) is divided by that of J(ξ₁ + ξ₂)/2.
    """
    check_type("problem", problem, Problem)
    check_type("scheme", scheme, Explicit)
    check_count("samples", samples)
    check_count("seed", seed, 0)
    check_real("theta", theta, (problem.model.transform.n_params,))
    generator = Generator(theta.device).manual_seed(seed)

    def draw() -> Tensor:
        return problem.model.reference.sample(samples, generator, theta.dtype)

    xi1, xi2 = (scheme.parameter_velocity(problem, theta, draw())[0].x for _ in range(2))
    jacobian = problem.model.transform.jacobian(theta, draw())
    difference, mean = jacobian.jvp(xi1 - xi2), jacobian.jvp((xi1 + xi2) / 2)
    return float(torch.linalg.matrix_norm(difference) / torch.linalg.matrix_norm(mean))


class Dissipation(NamedTuple):
    """How a run keeps to dF/dt = −(E|v|² − δ̂).

    `increase` is the largest rise of F from one step to the next, at most 0 where F falls all
    along; `defect` the largest |F(t) − F(0) + ∫₀ᵗ (E|v|² − δ̂) ds| over the steps.
    """

    increase: float
    defect: float


def dissipation(run: Trajectory) -> Dissipation:
    """Check the energy identity of the projected flow along the steps of a run.

    With ξ the exact projection, dF/dt = −E[v·Jξ] = −(E|v|² − δ̂); `Info` holds F, E|v|² and
    δ̂ = E|Jξ − v|² of each step. The integral is taken by the trapezoidal rule, so `defect` shrinks
    with h² for a scheme of second order; fresh random samples add their own noise to both figures.

    Raises `ValueError` for a run of fewer than two steps, or of the gradient form, which knows no
    pointwise velocity.

    >>> from pwgf_core import Explicit, evolve, problem
    >>> ou = problem("ornstein_uhlenbeck_10d", transform="affine")
    >>> run = evolve(ou, Explicit(h=0.01), t_end=0.1, samples=256, record=1, progress=False)
    >>> found = dissipation(run)
    >>> found.increase < 0, found.defect < 0.05  # of about 15 lost
    (True, True)
    """
    check_type("run", run, Trajectory)
    names = ("t", "energy", "speed", "misfit")
    columns = [torch.tensor(run.history.get(k, []), dtype=torch.float64) for k in names]
    t, energy, speed, misfit = columns
    if len(t) < 2:
        raise ValueError(f"dissipation needs a run of two or more steps, got {len(t)}")
    rate = speed - misfit
    if math.isnan(float(rate.sum())):
        raise ValueError("dissipation needs a run of the velocity form, got one without speeds")
    lost = torch.cumulative_trapezoid(rate, t)
    return Dissipation(
        float((energy[1:] - energy[:-1]).max()),
        float((energy[1:] - energy[0] + lost).abs().max()),
    )
