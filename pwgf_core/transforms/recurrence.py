"""Triangular recurrences with one right-hand side per sample."""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 4  # rows solved elementwise between two matrix products; 4 to 8 measured best


class Recurrence:
    """Solves y_k = s_k ⊙ (c_k + Σ_{j<k} L_kj y_j), k = 1 … K, for rows y_k of N samples.

    L is strictly lower triangular (K, K), s the scale (K, N). With `reverse`, the sum runs over
    j > k with L_jk instead: the adjoint order. Blocks of rows are coupled by one matrix product,
    the few rows of a block elementwise.
    """

    def __init__(self, lower: Tensor, scale: Tensor, reverse: bool = False) -> None:
        n_rows = len(scale)
        matrix = lower.T.contiguous() if reverse else lower
        self.work = work = torch.empty_like(scale)
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
        for k, (block, coupling, done, scale, rows) in enumerate(self.plan):
            if k:
                block.addmm_(coupling, done)
            block.mul_(scale)
            for rest, weight, row in rows:
                rest.addcmul_(weight, row)
        return self.work
