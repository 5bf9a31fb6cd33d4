"""Checks of what the machine has: memory, devices and folders."""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path
from typing import Any

import torch

from .base import refuse, shown


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
