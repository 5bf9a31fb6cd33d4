"""The size of a step that keeps an estimate of its error below a tolerance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..errors import NumericalError
from ..state import Info, State

SMALLEST = 1e-6  # a step below this part of the largest gives up


def controlled(
    attempt: Callable[[float], tuple[State, Info, float]],
    state: State,
    h: float,
    limit: float,
    tol: float,
    order: int,
) -> tuple[State, Info]:
    """One step of at most h and `limit` whose error is at most `tol`.

    `attempt` takes a step of a given size, and returns the state after it, its report, and an
    estimate ε of its error, which is proportional to the power `order` + 1 of the size. The size
    is multiplied by 0.9 (tol/ε)^(1/(order + 1)), within [0.2, 3], for the next step, or for the
    next try where ε > tol; after a `NumericalError` it is divided by four. The first size is that
    which `state` proposes, h/100 if none; one cut short by `limit` stays proposed. `iterations`
    are summed over the tries.

    Raises the `NumericalError` when the step has become vanishingly small.
    """
    proposed = min(state.h or h / 100, h)
    size, spent = min(proposed, limit), 0
    while True:
        try:
            after, info, error = attempt(size)
        except NumericalError:
            if size < SMALLEST * h:
                raise
            proposed = size = size / 4
            continue
        spent += info.iterations
        factor = min(3.0, max(0.2, 0.9 * (tol / max(error, 1e-300)) ** (1 / (order + 1))))
        if error <= tol or size < SMALLEST * h:
            after = replace(after, h=min(max(proposed, size * factor), h))
            return after, replace(info, iterations=spent)
        proposed = size = size * min(factor, 0.9)
