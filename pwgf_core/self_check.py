"""Tests of an answer that explain: what was expected, what was found, what to read.

The assignments of the book use them in their check cells, for readers with and without a teacher.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import CodeType
from typing import Any

import numpy as np
import torch
from torch import Tensor

NUMBERS = (bool, int, float, np.float64, np.float32, np.int64, np.bool_)


class AnswerError(AssertionError):
    """An answer is not what was expected; the message says how it differs and what may help."""


def _plain(value: object) -> np.ndarray | None:
    """A copy of numbers as an array, or None for what is not numbers.

    A subclass could redefine comparisons, so only the plain types count.
    """
    if type(value) in (Tensor, torch.nn.Parameter):
        return np.array(value.detach().cpu().tolist(), dtype=float)  # type: ignore[attr-defined]
    if type(value) in NUMBERS or type(value) is np.ndarray:
        return np.array(value, dtype=float)
    return None


def _shown(values: np.ndarray) -> str:
    text = np.array2string(values, precision=6, threshold=20, separator=", ")
    return text if "\n" not in text else "\n    " + text.replace("\n", "\n    ")


def _wrong(what: str, lines: list[str], hint: str, read: str) -> AnswerError:
    lines += [f"hint: {hint}"] * bool(hint) + [f"read: {read}"] * bool(read)
    return AnswerError("\n  ".join([what, *lines]))


def compare(
    what: str,
    found: object,
    expected: float | Tensor,
    tolerance: float = 1e-8,
    *,
    hint: str = "",
    read: str = "",
) -> None:
    """Accept `found` if it has the shape of `expected` and |found − expected| ≤ tolerance · scale.

    The scale is max(1, max|expected|). `found` is a number, a numpy array or a tensor.

    Raises `AnswerError` otherwise, with `what` was compared, both values, `hint` and `read`.

    >>> compare("the area of the unit disc", 3.14159, torch.pi, 1e-5)
    >>> compare("the area of the unit disc", 3, torch.pi, hint="a number, not an integer")
    Traceback (most recent call last):
        ...
    pwgf_core.self_check.AnswerError: the area of the unit disc
      expected: 3.141593
      found: 3.
      hint: a number, not an integer
    """
    wanted, given = _plain(expected), _plain(found)
    if wanted is None:
        raise ValueError(f"expected must be a number or a tensor, got {type(expected).__name__}")
    if given is None:
        kind = "nothing: does the function return?" if found is None else type(found).__name__
        raise _wrong(what, ["expected: a number or a tensor", f"found: {kind}"], hint, read)
    if given.shape != wanted.shape:
        shapes = [f"expected: shape {wanted.shape}", f"found: shape {given.shape}"]
        raise _wrong(what, shapes, hint, read)
    scale = max(1.0, float(np.abs(wanted).max(initial=0.0)))
    gap = float(np.abs(given - wanted).max(initial=0.0))
    if not (math.isfinite(gap) and gap <= tolerance * scale):
        raise _wrong(what, [f"expected: {_shown(wanted)}", f"found: {_shown(given)}"], hint, read)


def confirm(what: str, holds: object, *, hint: str = "", read: str = "") -> None:
    """Accept a statement that is true: `holds` is a bool or a tensor with one element.

    Raises `AnswerError` otherwise, also for what has no truth value of its own.

    >>> confirm("1 is positive", 1 > 0)
    """
    value = _plain(holds)
    if value is None or value.size != 1 or value.item() != 1.0:
        raise _wrong(what, ["expected: true", "found: false"], hint, read)


def names_used(function: Callable[..., Any]) -> set[str]:
    """Names of globals, attributes and imports in a Python function and the functions inside it.

    >>> sorted(names_used(lambda a: torch.linalg.eigh(a + shift)))
    ['eigh', 'linalg', 'shift', 'torch']
    """
    code = getattr(function, "__code__", None)
    todo, names = [code], set()
    while todo:
        code = todo.pop()
        if isinstance(code, CodeType):
            names |= set(code.co_names)
            todo += code.co_consts
    return names


def by_hand(function: Callable[..., Any], *banned: str) -> None:
    """Accept a function that names none of the library's functions `banned`.

    Raises `AnswerError` otherwise: the question asks to write the function.

    >>> by_hand(lambda a: torch.trace(a), "eigh")
    """
    if used := sorted(names_used(function) & set(banned)):
        raise _wrong(
            f"{function.__name__} is to be written by hand",
            [f"expected: no call of {', '.join(banned)}", f"found: {', '.join(used)}"],
            "the library is there for comparison",
            "",
        )
