"""The residual of what a run did, to bound its error a posteriori."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from ..errors import (
    check_lists,
    check_number,
    check_points,
    check_positive,
    check_real,
    check_type,
    check_values,
)
from ..schemes.forces import jump_force
from ..state import Problem
from .bounds import growth_bound_along
from .misfit import misfit


class Certificate(NamedTuple):
    """A bound of W2(ρ_θt, ρ_t) at the times of a run, from the residual that the run achieved."""

    times: list[float]
    residual: list[float]
    bound: list[float]


def certificate(
    problem: Problem, times: Sequence[float], thetas: Sequence[Tensor], z: Tensor, lam: float
) -> Certificate:
    """W2(t) ≤ e^{−λt} E0 + ∫₀ᵗ e^{−λ(t−s)} √δ(s) ds along the polygon through the θ_k.

    F is λ-convex along geodesics, as with ∇²V ⪰ λI; δ is `residual_along` on the sample z, and E0
    that of the problem. After a run that has grown, `problem` is the grown one. It holds up to the
    sampling error of δ and to what δ does between the times: record often.

    Raises what `residual_along` raises.

    >>> import torch
    >>> from pwgf_core import problem
    >>> p = problem("heat", transform="affine")
    >>> z = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]).double()
    >>> certificate(p, [0.0, 0.5], [p.theta0, p.theta0], z, lam=0.0).bound
    [0.0, 0.5]
    """
    check_number("lam", lam)
    residual = residual_along(problem, times, thetas, z)
    bound = growth_bound_along(times, lam, residual, problem.e0["value"])
    return Certificate(list(times), residual, bound)


def residual_along(
    problem: Problem, times: Sequence[float], thetas: Sequence[Tensor], z: Tensor
) -> list[float]:
    """E|Jξ − v|² on the sample z, shape (n, d), along the polygon through the θ_k: one per time.

    On the interval from t_k to t_{k+1} the parameters move with ξ_k = (θ_{k+1} − θ_k)/(t_{k+1} −
    t_k), whatever found them. At a time where two intervals meet the larger of the two residuals is
    taken, so that `growth_bound_along` of the result bounds the error of the polygon, that of the
    time steps included, up to what the residual does inside an interval. It is at least the
    residual E|P(Jξ) − v|² of the density's motion, and the same for d = 1.

    Raises `ValueError` for fewer than two times, times that do not increase or are not as many as
    the θ, and where ρ_θ jumps and the energy contains log ρ: then v is no function.

    >>> import torch
    >>> from pwgf_core import problem
    >>> p = problem("heat", transform="affine")
    >>> z = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]).double()
    >>> residual_along(p, [0.0, 0.5], [p.theta0, p.theta0], z)  # v = z: standing still misses it
    [1.0, 1.0]
    """
    check_type("problem", problem, Problem)
    check_lists(2, times=times, thetas=thetas)
    for time in times:
        check_number("times", time)
    for theta in thetas:
        check_real("thetas", theta, (problem.model.transform.n_params,))
        check_values("thetas", theta)
    check_points("z", z, problem.model.dim)
    check_values("z", z)
    found = [0.0] * len(times)
    for k in range(len(times) - 1):
        step = times[k + 1] - times[k]
        check_positive("the difference of successive times", step)
        xi = (thetas[k + 1] - thetas[k]) / step
        for j in (k, k + 1):
            found[j] = max(found[j], _residual(problem, thetas[j], xi, z))
    return found


def _residual(problem: Problem, theta: Tensor, xi: Tensor, z: Tensor) -> float:
    cloud, jacobian = problem.model.linearize(theta, z)
    v = problem.energy.velocity(cloud)
    transform = problem.model.transform
    if not transform.smooth and bool(jump_force(problem.energy, cloud, jacobian).any()):
        raise ValueError(
            f"the density of {transform!r} jumps, and the velocity of an energy with log rho is "
            "no function there: its residual is not finite"
        )
    return misfit(jacobian, v, xi)
