"""Loops compiled for the processor, over blocks of samples that stay in cache.

Rows are the numbers of a sample, columns the samples. Four rows by four at a time keep the
processor's registers busy: most numbers of rows are multiples of `TILE`.

Importing this needs numba, and raises `RuntimeError` where numba can keep compiled code nowhere:
neither beside this file, nor in the user's cache, nor in the folder `NUMBA_CACHE_DIR`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

import numba
import torch
from torch import Tensor

TILE = 4
LANES = 128  # samples whose rows stay in the first-level cache together
DTYPES = torch.float32, torch.float64
FEWEST = 256  # samples that are worth a second thread
# A fused multiply-add may round once; nothing else about the arithmetic may change.
OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
}
# Sums over samples may be taken in any order.
SUMS: dict[str, Any] = OPTIONS | {"fastmath": {"contract", "reassoc", "nsz"}}
Result = TypeVar("Result")


@numba.njit(**OPTIONS)
def add_product(a, k, columns, x, xs, y, ys, first, step):  # pyright: ignore
    """y_i += Σ_{j < columns} a_ij x_j for i = k … k + 3, on the samples xs of x and ys of y.

    Row i of x and y is `first` + i `step`.
    """
    y0, y1 = y[first + k * step, ys], y[first + (k + 1) * step, ys]
    y2, y3 = y[first + (k + 2) * step, ys], y[first + (k + 3) * step, ys]
    a0, a1, a2, a3 = a[k], a[k + 1], a[k + 2], a[k + 3]
    for j in range(0, columns, 4):
        x0, x1 = x[first + j * step, xs], x[first + (j + 1) * step, xs]
        x2, x3 = x[first + (j + 2) * step, xs], x[first + (j + 3) * step, xs]
        c00, c01, c02, c03 = a0[j], a0[j + 1], a0[j + 2], a0[j + 3]
        c10, c11, c12, c13 = a1[j], a1[j + 1], a1[j + 2], a1[j + 3]
        c20, c21, c22, c23 = a2[j], a2[j + 1], a2[j + 2], a2[j + 3]
        c30, c31, c32, c33 = a3[j], a3[j + 1], a3[j + 2], a3[j + 3]
        for i in range(len(y0)):
            p0, p1, p2, p3 = x0[i], x1[i], x2[i], x3[i]
            y0[i] += c00 * p0 + c01 * p1 + c02 * p2 + c03 * p3
            y1[i] += c10 * p0 + c11 * p1 + c12 * p2 + c13 * p3
            y2[i] += c20 * p0 + c21 * p1 + c22 * p2 + c23 * p3
            y3[i] += c30 * p0 + c31 * p1 + c32 * p2 + c33 * p3


@numba.njit(**SUMS)
def add_sums(y, ys, x, xs, total, k, columns):  # pyright: ignore
    """total_ij += Σ_n y_in x_jn for i = k … k + 3, j < columns and the samples ys and xs."""
    y0, y1, y2, y3 = y[k, ys], y[k + 1, ys], y[k + 2, ys], y[k + 3, ys]
    for j in range(0, columns, 4):
        x0, x1, x2, x3 = x[j, xs], x[j + 1, xs], x[j + 2, xs], x[j + 3, xs]
        c00 = c01 = c02 = c03 = c10 = c11 = c12 = c13 = y.dtype.type(0)
        c20 = c21 = c22 = c23 = c30 = c31 = c32 = c33 = y.dtype.type(0)
        for i in range(len(y0)):
            p0, p1, p2, p3 = x0[i], x1[i], x2[i], x3[i]
            q0, q1, q2, q3 = y0[i], y1[i], y2[i], y3[i]
            c00, c01, c02, c03 = c00 + q0 * p0, c01 + q0 * p1, c02 + q0 * p2, c03 + q0 * p3
            c10, c11, c12, c13 = c10 + q1 * p0, c11 + q1 * p1, c12 + q1 * p2, c13 + q1 * p3
            c20, c21, c22, c23 = c20 + q2 * p0, c21 + q2 * p1, c22 + q2 * p2, c23 + q2 * p3
            c30, c31, c32, c33 = c30 + q3 * p0, c31 + q3 * p1, c32 + q3 * p2, c33 + q3 * p3
        r0, r1 = (c00, c01, c02, c03), (c10, c11, c12, c13)
        r2, r3 = (c20, c21, c22, c23), (c30, c31, c32, c33)
        for i in range(4):
            total[k, j + i] += r0[i]
            total[k + 1, j + i] += r1[i]
            total[k + 2, j + i] += r2[i]
            total[k + 3, j + i] += r3[i]


@numba.njit(**OPTIONS)
def solve_rows(lower, scale, ss, y, ys, first, step):  # pyright: ignore
    """y_k = s_k (y_k + Σ_{j<k} L_kj y_j) in place on the samples ys of y and ss of the scale s.

    Row k of y and s is `first` + k `step`.
    """
    rows = len(y)
    whole = rows - rows % 4
    for k in range(0, whole, 4):
        add_product(lower, k, k, y, ys, y, ys, first, step)
        r0, r1 = first + k * step, first + (k + 1) * step
        r2, r3 = first + (k + 2) * step, first + (k + 3) * step
        a0, a1, a2, a3 = y[r0, ys], y[r1, ys], y[r2, ys], y[r3, ys]
        s0, s1, s2, s3 = scale[r0, ss], scale[r1, ss], scale[r2, ss], scale[r3, ss]
        c10, c20, c21 = lower[k + 1, k], lower[k + 2, k], lower[k + 2, k + 1]
        c30, c31, c32 = lower[k + 3, k], lower[k + 3, k + 1], lower[k + 3, k + 2]
        for i in range(len(a0)):
            p0 = s0[i] * a0[i]
            p1 = s1[i] * (a1[i] + c10 * p0)
            p2 = s2[i] * (a2[i] + c20 * p0 + c21 * p1)
            a0[i], a1[i], a2[i] = p0, p1, p2
            a3[i] = s3[i] * (a3[i] + c30 * p0 + c31 * p1 + c32 * p2)
    for k in range(whole, rows):
        a, s = y[first + k * step, ys], scale[first + k * step, ss]
        for j in range(k):
            c, b = lower[k, j], y[first + j * step, ys]
            for i in range(len(a)):
                a[i] += c * b[i]
        for i in range(len(a)):
            a[i] *= s[i]


@numba.njit(**OPTIONS)
def _solve(lower, scale, y, first, step, start, end):  # pyright: ignore
    for i in range(start, end, LANES):
        part = slice(i, min(i + LANES, end))
        solve_rows(lower, scale, part, y, part, first, step)


def solve(lower: Tensor, scale: Tensor, y: Tensor, reverse: bool) -> None:
    """`Recurrence.solve` for tensors on the processor; for `reverse`, L is turned already."""
    first, step = (len(y) - 1, -1) if reverse else (0, 1)
    matrices = lower.numpy(), scale.numpy(), y.numpy()
    in_parts(y.shape[1], lambda start, end: _solve(*matrices, first, step, start, end))


def in_parts(n: int, work: Callable[[int, int], Result]) -> list[Result]:
    """work(start, end) for consecutive parts of n samples, one for each of torch's threads.

    Threads of Python, because those of OpenMP spin after their work and disturb what comes next.
    """
    parts = max(1, min(torch.get_num_threads(), n // FEWEST))
    size = max(1, -(-n // (parts * 16))) * 16  # whole cache lines
    others = [_pool.submit(work, i, min(i + size, n)) for i in range(size, n, size)]
    try:
        return [work(0, min(size, n)), *(other.result() for other in others)]
    finally:
        wait(others)


def _new_pool() -> None:
    global _pool  # noqa: PLW0603
    _pool = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), thread_name_prefix="pwgf")


_new_pool()
if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_new_pool)
