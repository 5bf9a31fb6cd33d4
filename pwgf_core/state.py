"""The problem that a run solves, the state that a step moves, and the report of a step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from .energies import Energy
from .errors import (
    check_choice,
    check_count,
    check_method,
    check_not_negative,
    check_positive,
    check_real,
    check_type,
    check_values,
)
from .initial import InitialFit
from .linalg import LinearSolver, Minres, Solution, Status
from .model import Cloud, PushForward
from .reference import SAMPLINGS


class Exact(Protocol):
    """A solution to measure against."""

    def energy(self, t: float) -> float:
        """F(ρ_t)."""
        ...

    def errors(self, cloud: Cloud, t: float) -> dict[str, float]:
        """Named distances between the cloud and ρ_t."""
        ...


@dataclass(frozen=True)
class Problem:
    """A gradient flow to solve: model, energy and first θ, with defaults for a run.

    `h` is the default time step, `samples` and `sampling` (`random`, `sobol` or `matched`) the
    default number and kind of points drawn from λ at each step, `method` the default explicit
    method and `solver` the default linear solver. Where θ was fitted to other initial data ρ_0,
    `initial` is that fit; without one ρ_θ0 is ρ_0.

    Raises `ValueError` for a θ of another shape than (m,) or another one than that of `initial`,
    and for settings out of range.
    """

    model: PushForward
    energy: Energy
    theta0: Tensor
    t_end: float = 1.0
    h: float = 0.01
    samples: int = 2000
    sampling: str = "random"
    method: str = "midpoint"
    solver: LinearSolver = field(default_factory=Minres)
    exact: Exact | None = None
    initial: InitialFit | None = None
    name: str = "problem"

    def __post_init__(self) -> None:
        check_type("model", self.model, PushForward)
        check_type("energy", self.energy, Energy)
        check_real("theta0", self.theta0, (self.model.transform.n_params,))
        check_values("theta0", self.theta0)
        check_positive("t_end", self.t_end)
        check_positive("h", self.h)
        check_count("samples", self.samples)
        check_choice("sampling", self.sampling, SAMPLINGS)
        check_method("solver", self.solver, "solve")
        if self.exact is not None:
            check_method("exact", self.exact, "errors", "energy")
        if self.initial and not torch.equal(self.initial.theta.to(self.theta0), self.theta0):
            raise ValueError("theta0 must be the theta of initial, got another one")

    @property
    def e0(self) -> dict[str, Any]:
        """E0, the distance of ρ_θ0 to ρ_0, as `value`, its `kind` and `floor` (`InitialFit`).

        The kind is `exact`, and E0 = 0, where ρ_θ0 is ρ_0.
        """
        fit = self.initial
        if fit is None:
            return {"value": 0.0, "kind": "exact", "floor": 0.0}
        return {"value": fit.e0, "kind": fit.kind, "floor": fit.floor}


@dataclass(frozen=True)
class State:
    """θ at time t after `step` steps, with what the next step starts from.

    That is the last linear `solution`, the step size `h` that an adaptive scheme proposes, and
    the parameters `psi` of a trained potential.
    """

    theta: Tensor
    t: float = 0.0
    step: int = 0
    solution: Solution | None = None
    h: float | None = None
    psi: Tensor | None = None

    def __post_init__(self) -> None:
        check_real("theta", self.theta, (None,))
        check_not_negative("t", self.t)
        check_count("step", self.step, 0)


@dataclass(frozen=True)
class Info:
    """Report of one step of size `h`.

    `energy` is F(θ) on the step's sample before the step; `speed` E|v|², the dissipation −dF/dt
    of the flow that is not projected; `misfit` E|Jξ − v|² of the first stage on the same sample
    (NaN in the gradient form and for maps with kinks); `residual` and `status` are the worst and
    `iterations` the sum over the stages. `decrease` is the fall of F on the sample. Proximal steps
    also report `distance`, the squared length E|K^½(T_θ⁺ − T_θ)|² of the step in their metric
    (`StepDoubling` a bound of it), NaN elsewhere. `evolve` adds how often it halved the largest
    step, `halvings`, and how many tries failed before this one, `retries`.
    """

    h: float
    energy: float
    speed: float
    misfit: float
    residual: float
    iterations: int
    status: Status
    decrease: float = math.nan
    distance: float = math.nan
    halvings: int = 0
    retries: int = 0
