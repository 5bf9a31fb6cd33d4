"""Inverses by Newton's method, and the signs of a map that has none."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jacfwd, vmap

from ..distributed import total
from ..errors import NumericalError

NEWTON_STEPS, HALVINGS = 50, 30
ADVICE = (
    "use a smaller step h, or retries, which halves it where needed; "
    "a larger shift of the solver; or more samples"
)


def newton_inverse(
    transform: Callable[[Tensor, Tensor], Tensor],
    theta: Tensor,
    x: Tensor,
    start: Tensor,
    steps: int = NEWTON_STEPS,
) -> Tensor:
    """z with T_θ(z) = x by Newton's method, the step of a point halved until its residual falls.

    Points that are solved are left alone. Raises `NumericalError` if a residual is above 10³
    machine epsilons times 1 + |x| after `steps` steps, or where none makes it smaller: x is
    outside the range of T_θ, or the map folds between the start and the solution.
    """
    derivative = vmap(jacfwd(lambda p: transform(theta, p[None])[0]))
    allowed = 1e3 * torch.finfo(x.dtype).eps * (1 + x.norm(dim=1))
    z, gap = start.clone(), transform(theta, start) - x

    def unsolved() -> Tensor:
        return (~(gap.norm(dim=1) <= allowed)).nonzero()[:, 0]  # NaN included

    for _ in range(steps):
        left = unsolved()
        if not len(left):
            return z
        direction, singular = torch.linalg.solve_ex(derivative(z[left]), gap[left])
        # DT ≈ I: the gap is a direction, too
        direction = torch.where(singular[:, None] == 0, direction, gap[left])
        for halvings in range(HALVINGS):
            trial = z[left] - direction / 2**halvings
            trial_gap = transform(theta, trial) - x[left]
            falls = trial_gap.norm(dim=1) < gap[left].norm(dim=1)  # false for NaN
            z[left[falls]], gap[left[falls]] = trial[falls], trial_gap[falls]
            left, direction = left[~falls], direction[~falls]
            if not len(left):
                break
        else:
            break  # no way down from a point that is no solution
    wrong = unsolved()
    if not len(wrong):
        return z
    raise NumericalError(
        f"the inverse was not found at {len(wrong)} of {len(x)} points (residual up to "
        f"{float(gap[wrong].norm(dim=1).max()):.3g}); check that they lie in the range of the map "
        "and that it does not fold, or compute in double precision"
    )


def check_orientation(sign: Tensor, what: str) -> None:
    """Raise `NumericalError` unless the determinants of DT, whose `sign` it is, have one sign."""
    here = torch.stack([sign > 0, sign < 0, torch.ones_like(sign, dtype=torch.bool)])
    positive, negative, n = total(here.sum(1)).tolist()
    if n not in (positive, negative):
        raise NumericalError(
            f"{what} folds: the determinant of its derivative changes sign on the sample; {ADVICE}"
        )


def check_invertible(smallest: Tensor, what: str) -> None:
    """Raise `NumericalError` unless `smallest`, a bound of det DT from below, is above zero."""
    if not bool(smallest > 0):
        raise NumericalError(
            f"{what} is no longer invertible (its determinant reaches {float(smallest):.3g}); "
            + ADVICE
        )
