"""The two errors, and checks of numbers, counts, choices, objects and lists."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable
from inspect import signature
from typing import Any, NoReturn

import torch
from torch import Tensor

REAL = (torch.float32, torch.float64)
LARGEST = 2**63 - 1  # of counts and seeds
LONGEST = 120  # characters of a value that a message shows


class NumericalError(ArithmeticError):
    """A computation left the region where its result means anything; the message says what to try.

    `evolve` catches it, keeps everything computed so far and reports it in `Trajectory.status`.
    """


def shown(value: object) -> str:
    """The value as messages show it, in one line: of a tensor its dtype and shape only."""
    if isinstance(value, Tensor) and value.ndim:
        return f"a {str(value.dtype).removeprefix('torch.')} tensor of shape {tuple(value.shape)}"
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # more digits than Python writes
        text = f"a {type(value).__name__} too long to show"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def refuse(name: str, value: object, allowed: str) -> NoReturn:
    """Raise the `ValueError` that names an argument, what it has to be, and its value."""
    raise ValueError(f"{name} must be {allowed}, got {shown(value)}")


def is_number(value: object) -> bool:
    """Whether this is a real number, or a tensor that holds one, and no truth value."""
    if isinstance(value, Tensor):
        return value.ndim == 0 and value.dtype in REAL
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_number(name: str, value: Any) -> None:
    """Raise `ValueError` unless `value` is a finite number."""
    if not is_number(value) or not -math.inf < value < math.inf:
        refuse(name, value, "a finite number")


def check_positive(name: str, value: Any) -> None:
    """Raise `ValueError` unless `value` is a finite number above zero."""
    check_above(name, value, 0)


def check_above(name: str, value: Any, bound: float) -> None:
    """Raise `ValueError` unless `value` is a finite number above `bound`."""
    if not is_number(value) or not bound < value < math.inf:
        refuse(name, value, f"a finite number above {bound}")


def check_not_negative(name: str, value: Any) -> None:
    """Raise `ValueError` unless `value` is a finite number of at least zero."""
    if not is_number(value) or not 0 <= value < math.inf:
        refuse(name, value, "a finite number of at least 0")


def check_fraction(name: str, value: Any) -> None:
    """Raise `ValueError` unless `value` is a number from 0 to 1."""
    if not is_number(value) or not 0 <= value <= 1:
        refuse(name, value, "a number from 0 to 1")


def check_count(name: str, value: Any, minimum: int = 1) -> None:
    """Raise `ValueError` unless `value` is an integer of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        refuse(name, value, f"an integer of at least {minimum}")
    if value > LARGEST:
        refuse(name, value, f"an integer of at most {LARGEST}")


def check_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Raise `ValueError` unless `value` is one of `choices`."""
    allowed = sorted(choices)
    if value not in allowed:
        refuse(name, value, f"one of {', '.join(allowed)}")


def check_type(name: str, value: object, kind: type | tuple[type, ...]) -> None:
    """Raise `ValueError` unless `value` is an object of this class, or of one of them."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        refuse(name, value, "of type " + " or ".join(k.__name__ for k in kinds))


def check_method(name: str, value: object, *methods: str) -> None:
    """Raise `ValueError` unless `value` is an object, no class, with these methods."""
    if isinstance(value, type) or not all(callable(getattr(value, m, None)) for m in methods):
        refuse(name, value, f"an object with {' and '.join(methods)}")


def check_function(name: str, value: object) -> None:
    """Raise `ValueError` unless `value` can be called."""
    if not callable(value):
        refuse(name, value, "a function")


def check_options(name: str, function: Callable[..., Any], options: Iterable[str]) -> None:
    """Raise `ValueError` unless the function has a keyword for each of `options`."""
    known = signature(function).parameters
    for option in options:
        if option not in known:
            raise ValueError(f"{name} must have options of {', '.join(known)}, got {option!r}")


def check_lists(least: int, **lists: Any) -> None:
    """Raise `ValueError` unless the lists have one length of at least `least`."""
    for name, value in lists.items():
        if isinstance(value, str) or not hasattr(value, "__len__") or getattr(value, "ndim", 1) < 1:
            refuse(name, value, "a list")
    lengths = [len(value) for value in lists.values()]
    if len(set(lengths)) > 1 or lengths[0] < least:
        found = " and ".join(map(str, lengths))
        names = " and ".join(lists)
        one = " one" if len(lists) > 1 else " a"
        raise ValueError(f"{names} must have{one} length above {least - 1}, got {found}")
