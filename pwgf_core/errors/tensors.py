"""Checks of tensors: shape, dtype, device and entries."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from .base import REAL, check_count, check_type, refuse
from .machine import check_memory


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


def check_draw(n: Any, dim: int, generator: Any, dtype: object = torch.float64) -> None:
    """Raise `ValueError` unless these say how to draw n points, which the memory must hold."""
    check_count("n", n)
    check_memory("n", n, 2 * n * dim)
    check_type("generator", generator, Generator)
    check_dtype("dtype", dtype)
