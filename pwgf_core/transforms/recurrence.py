"""Triangular recurrences with one right-hand side per sample."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

try:
    from . import compiled
except (ImportError, RuntimeError):  # numba is optional: the same numbers take longer
    compiled = None

BLOCK = 4  # rows solved elementwise between two matrix products; 4 to 8 measured best


_wanted = ContextVar("wanted", default=True)


@contextmanager
def plain_torch() -> Iterator[None]:
    """Products of planar flows inside use torch alone, also where numba is: to count or compare.

    >>> from pwgf_core import Planar
    >>> with plain_torch():
    ...     jacobian = Planar(2, 3).jacobian(torch.zeros(15), torch.ones(4, 2))
    >>> jacobian.compiled is None
    True
    """
    token = _wanted.set(False)
    try:
        yield
    finally:
        _wanted.reset(token)


def may_compile(x: Tensor) -> bool:
    """Whether compiled loops may be used for x, if there are any."""
    return _wanted.get() and x.device.type == "cpu"


class Recurrence:
    """Solves y_k = s_k ⊙ (c_k + Σ_{j<k} L_kj y_j), k = 1 … K, for rows y_k of N samples.

    L is strictly lower triangular (K, K), s the scale (K, N). With `reverse`, the sum runs over
    j > k with L_jk instead: the adjoint order. On a processor with numba the loop is compiled.
    Elsewhere, blocks of rows are coupled by one matrix product, the few rows of a block solved
    elementwise.
    """

    def __init__(self, lower: Tensor, scale: Tensor, reverse: bool = False) -> None:
        self.scale, self.reverse = scale, reverse
        self.work = torch.empty_like(scale)
        self.compiled = (
            compiled is not None and may_compile(scale) and scale.dtype in compiled.DTYPES
        )
        if self.compiled:
            self.matrix = (lower.T.flip(0, 1) if reverse else lower).contiguous()
        else:
            self._plan(lower.T.contiguous() if reverse else lower)

    def _plan(self, matrix: Tensor) -> None:
        """Lists the operations on views of `work` once, for many solves."""
        work, scale, reverse, n_rows = self.work, self.scale, self.reverse, len(self.scale)
        self.plan = []
        starts = range(0, n_rows, BLOCK)
        for i in reversed(starts) if reverse else starts:
            e = min(i + BLOCK, n_rows)
            done = slice(e, n_rows) if reverse else slice(0, i)
            rows = []
            for j in range(e - 1, i, -1) if reverse else range(i, e - 1):
                rest = slice(i, j) if reverse else slice(j + 1, e)
                rows.append((work[rest], scale[rest] * matrix[rest, j, None], work[j]))
            self.plan.append((work[i:e], matrix[i:e, done], work[done], scale[i:e], rows))

    def solve(self) -> Tensor:
        """Overwrites c, which the caller has put into `work`, by y and returns it."""
        if self.compiled and compiled:
            compiled.solve(self.matrix, self.scale, self.work, self.reverse)
            return self.work
        for k, (block, coupling, done, scale, rows) in enumerate(self.plan):
            if k:
                block.addmm_(coupling, done)
            block.mul_(scale)
            for rest, weight, row in rows:
                rest.addcmul_(weight, row)
        return self.work
