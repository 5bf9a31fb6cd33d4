"""Step doubling: implicit steps that choose their size."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch import Tensor

from ..distributed import check_finite, expectation
from ..errors import check_positive, check_type
from ..linalg import LinearSolver, Status
from ..state import Info, Problem, State
from .control import controlled
from .implicit import ImplicitRelaxed, LinearlyImplicit


@dataclass(frozen=True)
class StepDoubling:
    """θ⁺ = θ″ after two steps of h/2 of `scheme`, where √E|T_θ″ − T_θ′|² ≤ tol, θ′ after one of h.

    All three are taken on one sample. The gap bounds W2 of the two laws from above. For a scheme
    of order one it is proportional to h², and to leading order it is the error of the two half
    steps (Richardson); a step where it is above `tol` is repeated with a smaller one
    (`controlled`), and `scheme.h` is the largest. θ″ is not extrapolated: where each step of
    `scheme` lowers F by at least its |Δ|²/h, as proximal steps of h/2 do, so do the two. What a
    proximal `scheme` leaves to the minimum is in the gap, and with random samples so is what it
    fits to each of them: its own `tol` is to be small for small gaps, and `matched` samples help.

    The report is that of the whole step. `decrease` is the fall over it, `iterations` are those of
    all three, `residual` and `status` the worst; energy, speed and misfit are those at the start.
    `distance` is 2(|Δ₁|² + |Δ₂|²) ≥ |Δ₁ + Δ₂|² of the two half steps, so that the decrease is at
    least distance/(2h), as for the step of a proximal scheme.

    Raises `ValueError` unless `scheme` is an `ImplicitRelaxed`, `BiLevel` or `LinearlyImplicit`
    and `tol` is positive.

    >>> from pwgf_core import evolve, problem
    >>> ou = problem("ornstein_uhlenbeck_10d", transform="affine")
    >>> scheme = StepDoubling(LinearlyImplicit(0.5), tol=0.05)
    >>> run = evolve(ou, scheme, t_end=2.0, samples=256, record=1, progress=False)
    >>> run.status, run.history["h"][0], max(run.history["h"]) > 0.1
    ('completed', 0.005, True)
    """

    scheme: ImplicitRelaxed | LinearlyImplicit
    tol: float = 3e-3

    def __post_init__(self) -> None:
        check_type("scheme", self.scheme, (ImplicitRelaxed, LinearlyImplicit))
        check_positive("tol", self.tol)

    @property
    def h(self) -> float:
        """The largest step."""
        return self.scheme.h

    @property
    def solver(self) -> LinearSolver | None:
        """The linear solver of `scheme`, if it has one."""
        return getattr(self.scheme, "solver", None)

    def step(
        self, problem: Problem, state: State, z: Tensor, limit: float = math.inf
    ) -> tuple[State, Info]:
        """One step on the sample z, of at most h and `limit`, repeated until the gap is ≤ tol."""

        def attempt(h: float) -> tuple[State, Info, float]:
            return self._attempt(problem, state, z, h)

        return controlled(attempt, state, self.h, limit, self.tol, order=1)

    def _attempt(
        self, problem: Problem, state: State, z: Tensor, h: float
    ) -> tuple[State, Info, float]:
        """The two half steps, their report as one step, and their gap to the whole step."""
        half = replace(self.scheme, h=h / 2)
        whole, once = replace(self.scheme, h=h).step(problem, state, z)
        middle, first = half.step(problem, state, z)
        after, second = half.step(problem, middle, z)
        transform = problem.model.transform
        apart = transform(after.theta, z) - transform(whole.theta, z)
        check_finite("the gap between one step and two", apart)
        gap = math.sqrt(float(expectation(apart.square().sum(), len(z))))
        infos = (once, first, second)
        worst = max(infos, key=lambda i: (i.status is not Status.CONVERGED, i.residual))
        info = replace(
            first,
            h=h,
            residual=max(i.residual for i in infos),
            iterations=sum(i.iterations for i in infos),
            status=worst.status,
            decrease=first.decrease + second.decrease,
            distance=2 * (first.distance + second.distance),
        )
        return replace(after, t=state.t + h, step=state.step + 1), info, gap
