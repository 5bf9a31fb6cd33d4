"""The triangular recurrence compiled for the processor; importing this needs numba."""

from __future__ import annotations

import numba
import torch
from torch import Tensor

LANES = 128  # samples whose rows stay in the first-level cache together
# A fused multiply-add may round once; nothing else about the arithmetic may change.
OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


@numba.njit(parallel=True, **OPTIONS)
def _solve(lower, scale, y, first, step):  # pyright: ignore  # noqa: ANN001,ANN202
    """y_k = s_k (y_k + Σ_{j<k} L_kj y_j) in place; row k of y and s is first + k step.

    Tiles of 4 × 4 numbers of L keep the processor's registers busy.
    """
    rows, n = y.shape
    for block in numba.prange((n + LANES - 1) // LANES):
        part = slice(block * LANES, min(n, (block + 1) * LANES))
        whole = rows - rows % 4
        for k in range(0, whole, 4):
            a0, a1 = y[first + k * step, part], y[first + (k + 1) * step, part]
            a2, a3 = y[first + (k + 2) * step, part], y[first + (k + 3) * step, part]
            l0, l1, l2, l3 = lower[k], lower[k + 1], lower[k + 2], lower[k + 3]
            for j in range(0, k, 4):
                b0, b1 = y[first + j * step, part], y[first + (j + 1) * step, part]
                b2, b3 = y[first + (j + 2) * step, part], y[first + (j + 3) * step, part]
                c00, c01, c02, c03 = l0[j], l0[j + 1], l0[j + 2], l0[j + 3]
                c10, c11, c12, c13 = l1[j], l1[j + 1], l1[j + 2], l1[j + 3]
                c20, c21, c22, c23 = l2[j], l2[j + 1], l2[j + 2], l2[j + 3]
                c30, c31, c32, c33 = l3[j], l3[j + 1], l3[j + 2], l3[j + 3]
                for i in range(len(a0)):
                    p0, p1, p2, p3 = b0[i], b1[i], b2[i], b3[i]
                    a0[i] += c00 * p0 + c01 * p1 + c02 * p2 + c03 * p3
                    a1[i] += c10 * p0 + c11 * p1 + c12 * p2 + c13 * p3
                    a2[i] += c20 * p0 + c21 * p1 + c22 * p2 + c23 * p3
                    a3[i] += c30 * p0 + c31 * p1 + c32 * p2 + c33 * p3
            s0, s1 = scale[first + k * step, part], scale[first + (k + 1) * step, part]
            s2, s3 = scale[first + (k + 2) * step, part], scale[first + (k + 3) * step, part]
            c10, c20, c21 = l1[k], l2[k], l2[k + 1]
            c30, c31, c32 = l3[k], l3[k + 1], l3[k + 2]
            for i in range(len(a0)):
                p0 = s0[i] * a0[i]
                p1 = s1[i] * (a1[i] + c10 * p0)
                p2 = s2[i] * (a2[i] + c20 * p0 + c21 * p1)
                a0[i], a1[i], a2[i] = p0, p1, p2
                a3[i] = s3[i] * (a3[i] + c30 * p0 + c31 * p1 + c32 * p2)
        for k in range(whole, rows):
            a = y[first + k * step, part]
            for j in range(k):
                c, b = lower[k, j], y[first + j * step, part]
                for i in range(len(a)):
                    a[i] += c * b[i]
            s = scale[first + k * step, part]
            for i in range(len(a)):
                a[i] *= s[i]


def solve(lower: Tensor, scale: Tensor, y: Tensor, reverse: bool) -> None:
    """`Recurrence.solve` for tensors on the processor; for `reverse`, L is turned already."""
    numba.set_num_threads(min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS))
    first, step = (len(y) - 1, -1) if reverse else (0, 1)
    _solve(lower.numpy(), scale.numpy(), y.numpy(), first, step)
