"""Errors that name what was given and what is allowed, and numerical trouble that gives advice."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


class NumericalError(ArithmeticError):
    """A computation left the region where its result means anything; the message says what to try.

    `evolve` catches it, keeps everything computed so far and reports it in `Trajectory.status`.
    """


def check_positive(name: str, value: float) -> None:
    """Raise `ValueError` unless `value` is a finite number above zero."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a finite number above 0, got {value!r}")


def check_count(name: str, value: int, minimum: int = 1) -> None:
    """Raise `ValueError` unless `value` is an integer of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}")


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise `ValueError` unless `value` is one of `choices`."""
    allowed = sorted(choices)
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def check_shape(name: str, value: Tensor, shape: tuple[int | None, ...]) -> None:
    """Raise `ValueError` unless `value` has `shape`, where None stands for any length."""
    fits = value.ndim == len(shape) and all(
        n is None or n == m for n, m in zip(shape, value.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} must have shape ({wanted}), got {tuple(value.shape)}")


def check_finite(name: str, value: Tensor, advice: str) -> None:
    """Raise `NumericalError` with `advice` if `value` holds an infinity or a NaN."""
    if not torch.isfinite(value).all():
        raise NumericalError(f"{name} has non-finite values; {advice}")
