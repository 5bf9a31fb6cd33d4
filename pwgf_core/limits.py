"""What a run may ask for: bounds from below of its memory, and steps that can be counted."""

from __future__ import annotations

import math
import sys

from .errors import check_memory, refuse
from .linalg import Dense, Dual
from .state import Problem

MOST_STEPS = 1e9  # `evolve` rounds times to this part of t_end


def check_run(
    problem: Problem, h: float, t_end: float, samples: int, record: int, solver: object = None
) -> None:
    """Raise `ValueError` for a run that does not fit in the memory or would not end.

    A step holds at least z, x, the velocity, the score and the hidden units at every point: of the
    families here about m/(2d + 1) of them. `Dense` needs a few matrices (m, m), `Dual` all of J.

    >>> from pwgf_core import problem
    >>> check_run(problem("heat"), h=0.1, t_end=1.0, samples=1000, record=20)
    """
    m, d = problem.model.transform.n_params, problem.model.dim
    size = problem.theta0.element_size()
    check_memory("samples", samples, samples * (6.0 * d + 2.0 * m / (2 * d + 1)), size)
    check_memory("record", record, (record + 1.0) * (m + 16), size)
    if isinstance(solver, Dual):
        check_memory("samples", samples, 2.0 * samples * d * m, size)
    elif isinstance(solver, Dense):
        check_memory("the number of parameters", m, 3.0 * m * m, size)
    if not t_end * record < math.inf:
        refuse("t_end", t_end, f"at most {sys.float_info.max / record:.3g} with {record} records")
    if not h * MOST_STEPS >= t_end:
        least = t_end / MOST_STEPS
        refuse("h", h, f"at least {least:.3g} for t_end = {t_end:g}: at most {MOST_STEPS:g} steps")
