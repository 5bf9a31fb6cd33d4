"""The book's problems, by name."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import check_choice, check_options
from ..state import Problem
from .families import TRANSFORMS
from .heat import heat
from .line import double_well_1d, porous_medium_1d, quadratic_1d, quartic_1d, sextic_1d
from .ornstein_uhlenbeck import ornstein_uhlenbeck, ornstein_uhlenbeck_10d
from .plane import aggregation_2d, double_well_2d, porous_medium_2d
from .styblinski_tang import styblinski_tang_30d
from .unknown_directions import gaussian_mixture, mixture_target, shells_10d

__all__ = ["PROBLEMS", "TRANSFORMS", "gaussian_mixture", "mixture_target", "problem", "shells_10d"]

PROBLEMS: dict[str, Callable[..., Problem]] = {
    "ornstein_uhlenbeck": ornstein_uhlenbeck,
    "ornstein_uhlenbeck_10d": ornstein_uhlenbeck_10d,
    "styblinski_tang_30d": styblinski_tang_30d,
    "aggregation_2d": aggregation_2d,
    "porous_medium_2d": porous_medium_2d,
    "double_well_2d": double_well_2d,
    "shells_10d": shells_10d,
    "heat": heat,
    "double_well_1d": double_well_1d,
    "quadratic_1d": quadratic_1d,
    "quartic_1d": quartic_1d,
    "sextic_1d": sextic_1d,
    "porous_medium_1d": porous_medium_1d,
}


def problem(name: str, **options: object) -> Problem:
    """The problem of that name; options are those of its function.

    Raises `ValueError` for an unknown name or option.

    >>> problem("ornstein_uhlenbeck_10d").model.transform
    Planar(10, 80, scale=0.2, spread=0.3)
    """
    check_choice("problem", name, PROBLEMS)
    check_options(f"the problem {name}", PROBLEMS[name], options)
    return PROBLEMS[name](**options)
