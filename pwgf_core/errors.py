"""Errors that name what was given and what is allowed, and numerical trouble that gives advice."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Callable, Iterable
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Generator, Tensor

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


def check_shape(name: str, value: Any, shape: tuple[int | None, ...]) -> None:
    """Raise `ValueError` unless `value` is a tensor of `shape`, where None is any length."""
    found = value.shape if isinstance(value, Tensor) else None
    if found is not None and len(found) == len(shape):
        for wanted, length in zip(shape, found, strict=True):
            if wanted is not None and wanted != length:
                break
        else:
            return
    text = ", ".join("any" if n is None else str(n) for n in shape)
    if found is None:
        refuse(name, value, f"a tensor of shape ({text})")
    raise ValueError(f"{name} must have shape ({text}), got {tuple(found)}")


def check_real(name: str, value: Any, shape: tuple[int | None, ...]) -> None:
    """Raise `ValueError` unless `value` is a tensor of `shape` in single or double precision."""
    check_shape(name, value, shape)
    if value.dtype not in REAL:
        raise ValueError(f"{name} must have dtype float32 or float64, got {value.dtype}")


def check_points(name: str, value: Any, dim: int | None = None, least: int = 1) -> None:
    """Raise `ValueError` unless `value` is a sample (n, d) of at least `least` points."""
    check_real(name, value, (None, dim))
    if len(value) < least:
        raise ValueError(f"{name} must hold at least {least} points, got {len(value)}")


def check_alike(name: str, value: Tensor, other: str, like: Tensor) -> None:
    """Raise `ValueError` unless both tensors have one dtype and lie on one device."""
    if value.dtype != like.dtype or value.device != like.device:
        raise ValueError(
            f"{name} and {other} must agree in dtype and device, got {value.dtype} on "
            f"{value.device} and {like.dtype} on {like.device}"
        )


def check_values(name: str, value: Tensor) -> None:
    """Raise `ValueError` unless all entries of a tensor are finite numbers that can be read."""
    if value.device.type == "meta":
        raise ValueError(f"{name} must lie on a device with values, got the device meta")
    wrong = int((~torch.isfinite(value)).sum())
    if wrong:
        raise ValueError(f"{name} must be finite, got {wrong} of {value.numel()} entries NaN or ±∞")


def check_symmetric(name: str, value: Any, dim: int | None = None) -> None:
    """Raise `ValueError` unless `value` is a symmetric matrix (d, d) of finite numbers."""
    if dim is None and isinstance(value, Tensor) and value.ndim:
        dim = len(value)
    check_real(name, value, (dim, dim))
    check_values(name, value)
    if not torch.allclose(value, value.T):
        gap = float((value - value.T).abs().max())
        raise ValueError(f"{name} must be symmetric, got entries that differ by {gap:.3g}")


def check_covariance(name: str, value: Any, dim: int | None = None) -> None:
    """Raise `ValueError` unless `value` is symmetric and positive definite, shape (d, d)."""
    check_symmetric(name, value, dim)
    smallest = float(torch.linalg.eigvalsh(value.double())[0]) if len(value) else 0.0
    if not smallest > 0:
        raise ValueError(f"{name} must be positive definite, got eigenvalue {smallest:.3g}")


def check_dtype(name: str, value: object) -> None:
    """Raise `ValueError` unless `value` is single or double precision."""
    if value not in REAL:
        refuse(name, value, "torch.float32 or torch.float64")


def check_device(name: str, value: Any) -> None:
    """Raise `ValueError` unless tensors with values can be made on this device."""
    reason = ""
    try:
        kind = torch.device(value).type
        if kind != "meta":
            torch.zeros(1, device=value)
            return
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = ": " + str(error).partition("\n")[0]
    raise ValueError(f"{name} must be a device with values that is there, got {value!r}{reason}")


def check_folder(name: str, path: str | os.PathLike[str]) -> None:
    """Make a folder if it is not there; raise `ValueError` unless files can be written to it."""
    reason = "not permitted"
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
        if os.access(path, os.W_OK | os.X_OK):
            return
    except (OSError, ValueError, TypeError) as error:
        reason = str(error)
    refuse(name, str(path), f"a folder that can be written ({reason})")


def check_draw(n: Any, dim: int, generator: Any, dtype: object = torch.float64) -> None:
    """Raise `ValueError` unless these say how to draw n points, which the memory must hold."""
    check_count("n", n)
    check_memory("n", n, 2 * n * dim)
    check_type("generator", generator, Generator)
    check_dtype("dtype", dtype)


def check_finite(name: str, value: Tensor, advice: str) -> None:
    """Raise `NumericalError` with `advice` if `value` holds an infinity or a NaN."""
    if not torch.isfinite(value).all():
        raise NumericalError(f"{name} has non-finite values; {advice}")


@cache
def memory() -> float:
    """Bytes of main memory that this process may use; infinity where that is not known."""
    known = [math.inf]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        known.append(float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE"))
    limit = Path("/sys/fs/cgroup/memory.max")  # of a container
    text = limit.read_text().strip() if limit.is_file() else "max"
    return min([*known, float(text)] if text.isdigit() else known)


def check_memory(name: str, value: object, count: float, itemsize: int = 8) -> None:
    """Raise `ValueError` if `count` numbers, which `value` calls for, exceed the memory."""
    needed, there = float(count) * itemsize / 2**30, memory() / 2**30
    if needed > there:
        raise ValueError(
            f"{name} must fit in {there:.3g} GiB of memory, got {shown(value)}, which needs "
            f"{needed:.3g} GiB"
        )
