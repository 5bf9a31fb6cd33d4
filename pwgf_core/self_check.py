"""Tests of an answer that explain: what was expected, what was found, what to read.

The assignments of the book use them in their check cells, for readers with and without a teacher.
"""

from __future__ import annotations

import linecache
import math
import traceback
from collections.abc import Callable
from inspect import unwrap
from types import CodeType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import check_function, check_not_negative

NUMBERS = (bool, int, float, np.float64, np.float32, np.int64, np.bool_)
MOST_SHOWN = 10  # entries of an array in a message; a 2 × 5 matrix is shown in full


class AnswerError(AssertionError):
    """An answer is not what was expected; the message says how it differs and what may help."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the message, without the frames of the test."""
        return f"{type(self).__name__}: {self}".split("\n")


def _plain(value: object) -> np.ndarray | None:
    """A copy of numbers as an array, or None for what is not numbers.

    A subclass could redefine comparisons, so only the plain types count.
    """
    if type(value) in (Tensor, torch.nn.Parameter):
        return np.array(value.detach().cpu().tolist(), dtype=float)  # type: ignore[attr-defined]
    if type(value) in NUMBERS or type(value) is np.ndarray:
        return np.array(value, dtype=float)
    return None


def _whole(value: object) -> bool:
    """Whether `value` is made of integers, as a shape is."""
    if type(value) is Tensor:
        return not (value.is_floating_point() or value.is_complex())
    return type(value) in (bool, int, np.int64, np.bool_) or (
        type(value) is np.ndarray and value.dtype.kind in "biu"
    )


def _shown(values: np.ndarray, zero: float, whole: bool) -> str:
    """A few entries of `values`; what is at most `zero` is shown as 0."""
    values = np.where(np.abs(values) <= zero, 0.0, values)
    kept = values.astype(int) if whole else values
    text = np.array2string(
        kept,
        precision=6,
        threshold=MOST_SHOWN,
        edgeitems=3 if values.ndim < 2 else 1,
        separator=", ",
    )
    lines = [line for line in text.split("\n") if line.strip()]  # numpy parts blocks by blank ones
    return text if len(lines) == 1 else "\n    ".join(["", *lines])


def _difference(gaps: np.ndarray, allowed: float) -> str:
    """Where the entries differ most."""
    at = int(np.argmax(np.where(np.isfinite(gaps), gaps, np.inf)))
    index = ", ".join(str(int(i)) for i in np.unravel_index(at, gaps.shape))
    place = f" at index [{index}]" if gaps.ndim else ""
    return f"largest difference: {gaps.flat[at]:.2g}{place}, allowed: {allowed:.2g}"


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

    Raises `AnswerError` otherwise, with `what` was compared, both values, `hint` and `read`. Of
    large arrays, and where both look the same, it also says where they differ most.

    >>> compare("the area of the unit disc", 3.14159, torch.pi, 1e-5)
    >>> compare("the area of the unit disc", 3, torch.pi, hint="a number, not an integer")
    Traceback (most recent call last):
        ...
    pwgf_core.self_check.AnswerError: the area of the unit disc
      expected: 3.141593
      found: 3
      hint: a number, not an integer
    """
    wanted, given = _plain(expected), _plain(found)
    check_not_negative("tolerance", tolerance)
    if wanted is None:
        raise ValueError(f"expected must be a number or a tensor, got {type(expected).__name__}")
    if given is None:
        kind = "nothing: does the function return?" if found is None else type(found).__name__
        raise _wrong(what, ["expected: a number or a tensor", f"found: {kind}"], hint, read)
    if given.shape != wanted.shape:
        shapes = [f"expected: shape {wanted.shape}", f"found: shape {given.shape}"]
        raise _wrong(what, shapes, hint, read)
    scale = max(1.0, float(np.abs(wanted).max(initial=0.0)))
    allowed = tolerance * scale
    with np.errstate(invalid="ignore"):
        gaps = np.abs(given - wanted)
    gap = float(gaps.max(initial=0.0))
    if not (math.isfinite(gap) and gap <= allowed):
        texts = [
            _shown(array, allowed, _whole(value))
            for array, value in ((wanted, expected), (given, found))
        ]
        lines = [f"expected: {texts[0]}", f"found: {texts[1]}"]
        if wanted.size > MOST_SHOWN or texts[0] == texts[1]:
            lines.append(_difference(gaps, allowed))
        raise _wrong(what, lines, hint, read)


def call(function: Callable[..., Any], *arguments: object, hint: str = "", read: str = "") -> Any:
    """The value of `function(*arguments)`; `AnswerError` if the function raises something.

    The message has the name of the error and the last line of the answer that was reached.

    >>> def share(a, b):
    ...     return a / b
    >>> call(share, 1, 2)
    0.5
    >>> call(share, 1, 0, hint="is there anything to share?")
    Traceback (most recent call last):
        ...
    pwgf_core.self_check.AnswerError: share raised ZeroDivisionError: division by zero
      in line 2: return a / b
      hint: is there anything to share?
    """
    try:
        return function(*arguments)
    except AnswerError:
        raise
    except Exception as error:
        name = getattr(function, "__name__", "the answer")
        kind = type(error).__name__.lstrip("_")
        what = f"{name} raised {kind}: {str(error)[:300]}"
        raise _wrong(what, _lines(function, error), hint, read) from error


def _lines(function: Callable[..., Any], error: Exception) -> list[str]:
    """The last line of the traceback in the cell or file of `function`, if it has one."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    numbers = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == file
    ]
    if not numbers:
        return []
    text = linecache.getline(str(file), numbers[-1]).strip()
    return [f"in line {numbers[-1]}: {text}" if text else f"in line {numbers[-1]}"]


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
    check_function("function", function)
    code = getattr(unwrap(function), "__code__", None)  # methods of an energy are wrapped
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
