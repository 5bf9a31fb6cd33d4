"""What a panel offers, and the problem and the scheme that follow from what was entered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import check_positive
from ..flow import Scheme
from ..schemes import BiLevel, Explicit, ImplicitRelaxed
from ..schemes.explicit import TABLEAUX
from ..state import Problem
from .inputs import Default, Input

Make = Callable[..., Problem]

IMPLICIT: dict[str, Callable[[float], Scheme]] = {"implicit": ImplicitRelaxed, "bilevel": BiLevel}
SCHEMES = ("relaxed", *IMPLICIT)
OF_THE_RUN = ("h", "t_end", "samples", "seed", "scheme", "integrator")
MOST_STEPS = 1_000_000


def takes(make: Make, name: str) -> bool:
    """Whether the function has this keyword."""
    accepted = inspect.signature(make).parameters
    return name in accepted or any(p.kind is p.VAR_KEYWORD for p in accepted.values())


def first(choice: str, choices: tuple[str, ...]) -> list[str]:
    """The choices, this one first."""
    return [choice, *(c for c in choices if c != choice)]


def problem_inputs(
    make: Make, parameters: Mapping[str, tuple[Default, str]], layers: int | None
) -> list[Input]:
    """The equation's parameters and K. Raises `ValueError` for a name that `make` does not take."""
    for name in parameters:
        if name in ("layers", *OF_THE_RUN) or not takes(make, name):
            raise ValueError(
                "parameters must be keywords of the problem's function, other than layers and "
                f"{', '.join(OF_THE_RUN)}, got {name!r}"
            )
    inputs = [Input(name, default, text) for name, (default, text) in parameters.items()]
    if takes(make, "layers"):
        inputs.append(Input("layers", layers, "K, layers or hidden units of the map", "layers K"))
    return inputs


def run_inputs(
    problem: Problem,
    h: float | None,
    t_end: float | None,
    samples: int | None,
    scheme: str,
    seed: int,
) -> list[Input]:
    """The settings of the run; those left out are the problem's."""
    h = float(problem.h if h is None else h)
    t_end = float(problem.t_end if t_end is None else t_end)
    samples = problem.samples if samples is None else samples
    return [
        Input("h", h, "largest time step", "step h"),
        Input("t_end", t_end, "final time"),
        Input("samples", samples, "N, points drawn from λ at each step", "samples N"),
        Input("scheme", first(scheme, SCHEMES), "how a time step is taken"),
        Input("integrator", first(problem.method, tuple(TABLEAUX)), "of the relaxed scheme"),
        Input("seed", seed, "of the random numbers"),
    ]


def make_problem(make: Make, values: Mapping[str, Any]) -> Problem:
    """The problem of these values; what was left out is the function's own default."""
    own = {k: v for k, v in values.items() if k not in OF_THE_RUN and v is not None}
    if takes(make, "seed"):
        own["seed"] = values["seed"]
    return make(**own)


def make_scheme(values: Mapping[str, Any]) -> Scheme:
    """The scheme of these values.

    Raises `ValueError` unless h and t_end are positive and their ratio is one that can be waited
    for.
    """
    h, t_end = values["h"], values["t_end"]
    check_positive("h", h)
    check_positive("t_end", t_end)
    if h * MOST_STEPS < t_end:
        least = t_end / MOST_STEPS
        raise ValueError(f"h must be at least {least:g} in a panel for t_end = {t_end:g}, got {h}")
    if values["scheme"] in IMPLICIT:
        return IMPLICIT[values["scheme"]](h)
    return Explicit(h, values["integrator"])
