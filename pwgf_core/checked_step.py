"""A step that is checked, and repeated with a smaller size where it fails."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Protocol

from torch import Tensor
from torch.linalg import LinAlgError  # pyright: ignore[reportAttributeAccessIssue]

from .errors import NumericalError
from .schemes.explicit import equal_step
from .schemes.forces import check_parameters
from .state import Info, Problem, State
from .trajectory import Trajectory

CALM = 4  # steps without a failure after which a halved step is doubled
RISE = 0.01  # of 1 + |F|: a rise in one step that a run with retries takes for a failure
MOST_RETRIES = 20


class Scheme(Protocol):
    """A frozen dataclass with a largest time step `h`, and one method that keeps to `limit`."""

    @property
    def h(self) -> float: ...

    def step(
        self, problem: Problem, state: State, z: Tensor, limit: float = math.inf
    ) -> tuple[State, Info]: ...


def checked_step(
    problem: Problem,
    scheme: Scheme,
    run: Trajectory,
    z: Tensor,
    interval: tuple[float, float],
    retries: int,
) -> tuple[State, Info]:
    """A step from the last good state, with the largest step halved after each failure.

    The largest step is that which divides the interval between two recorded times. What the next
    step starts from is all in `run`, so that a resumed run takes the same steps.

    Raises `NumericalError` when the step has been halved `retries` times and fails, and where the
    energy has risen above F(0) + 3 + |F(0)|, or with retries by more than `RISE` (1 + |F|).
    """
    start, end = interval
    rest, largest = end - run.state.t, equal_step(scheme.h, end - start)
    first = halvings = min(_halvings(run.history), retries)
    while True:
        limit = equal_step(largest / 2**halvings, rest) if halvings else rest
        try:
            state, info = scheme.step(problem, run.state, z, limit)
            check_parameters(state.theta, info.h)  # also of schemes from elsewhere
            _check_descent(run, info, strict=retries > 0)
            return state, replace(info, halvings=halvings, retries=halvings - first)
        except (NumericalError, LinAlgError) as error:
            if halvings == retries:
                if isinstance(error, NumericalError):
                    raise
                reason = str(error).splitlines()[0]
                raise NumericalError(f"{reason}; use a smaller step h") from error
            halvings += 1


def _halvings(history: dict[str, list[Any]]) -> int:
    """How often the next step is halved: as the last one, one less after `CALM` good ones."""
    levels, retries = (history.get(k, [0])[-CALM:] for k in ("halvings", "retries"))
    calm = levels == CALM * [levels[-1]] and not any(retries)
    return max(levels[-1] - calm, 0)


def _check_descent(run: Trajectory, info: Info, strict: bool) -> None:
    """Raise `NumericalError` if the energy rose, by more than noise, above its first value, or
    in this step if `strict`."""
    first = run.history["energy"][0] if run.history else info.energy
    before, after = info.energy, info.energy - info.decrease
    if math.isnan(before):
        raise NumericalError("the energy is nan; check the energy, or use a smaller step h")
    highest = first + 3 + abs(first)
    if before > highest or after > highest:
        _raise_rise(first, max(before, after), info.h)
    if strict and after - before > RISE * (1 + abs(before)):
        _raise_rise(before, after, info.h)


def _raise_rise(low: float, high: float, h: float) -> None:
    raise NumericalError(
        f"the energy rose from {low:.4g} to {high:.4g} in a step of {h:.4g}, but a gradient flow "
        "lowers it: the step is too large for this problem; reduce h or use an implicit scheme"
    )
