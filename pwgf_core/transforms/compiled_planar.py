"""Products with the Jacobian of a planar flow, compiled; importing this needs numba.

A block of samples goes through one whole product while it stays in cache: every number that is
kept for it is read once. Matrices are padded by zeros to whole tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy import ndarray
from torch import Tensor, from_numpy

from .compiled import DTYPES, TILE, in_parts
from .planar_loops import WHOLE, add_below, add_matmul, pull, push, there_and_back

L2 = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")
LANES = 64, 768  # fewest and most samples of a block
Pulled = tuple[Tensor, Tensor, Tensor, Tensor]


@cache
def second_level() -> int:
    """Bytes of the processor's second-level cache, in which a block stays; 1 MiB if unknown."""
    try:
        return 1024 * int(L2.read_text().strip().removesuffix("K"))
    except (OSError, ValueError):
        return 2**20


def padded(n: int) -> int:
    """The next multiple of `TILE`."""
    return -(-n // TILE) * TILE


def pad(matrix: ndarray, rows: int, columns: int) -> ndarray:
    """The matrix in the corner of a larger one of zeros."""
    out = np.zeros((rows, columns), matrix.dtype)
    out[: matrix.shape[0], : matrix.shape[1]] = matrix
    return out


class Products:
    """Products with J and Jᵀ of a planar flow, kept at its activations t.

    `inputs` holds the rows [z; 1; 0 …; t; 0 …], the ones and t starting at whole tiles but for
    the d rows of z; W, U and L are those of `PlanarJacobian`.
    """

    dtypes = DTYPES

    def __init__(self, w: Tensor, u: Tensor, lower: Tensor, inputs: Tensor) -> None:
        self.inputs, self.shape = inputs.numpy(), w.shape
        w_, u_ = w.numpy(), u.numpy()
        layers, dim = self.shape
        k, d = padded(layers), padded(dim)
        self.lower = pad(lower.numpy(), k, k)
        self.upper = np.ascontiguousarray(self.lower.T[::-1, ::-1])  # L^T from the last row up
        self.u_rows, self.u_columns = pad(u_, k, d), pad(u_.T, d, k)
        self.w_rows, self.w_columns = pad(w_, k, d), pad(w_.T, d, k)
        block = (len(inputs) + 2 * k + d) * inputs.element_size()
        self.lanes = max(LANES[0], min(LANES[1], second_level() // block // WHOLE * WHOLE))
        self.none = np.empty((0, 0), self.inputs.dtype)

    @staticmethod
    def allocate(z: Tensor, layers: int) -> tuple[Tensor, Tensor]:
        """`inputs` without the activations, and where these K rows are: (·, N), (K, N)."""
        n, dim = z.shape
        at = padded(dim + 1)
        inputs = z.new_zeros(at + padded(layers), n)
        inputs[:dim], inputs[dim] = z.T, 1
        return inputs, inputs[at : at + layers]

    def jvp(self, dw: Tensor, du: Tensor, db: Tensor, dz: Tensor | None) -> Tensor:
        """dx = dz + Uᵀdt + dUᵀt, dt = t′ ⊙ (W dz + dW z + db + dL t + L dt): (N, d)."""
        a, du_columns = self._direction(dw, du, db)
        columns, fill = self._columns(dz)
        dx = np.empty((len(du_columns), self.inputs.shape[1]), self.inputs.dtype)

        def part(n0: int, n1: int) -> None:
            fill(n0, n1)
            matrices = a, self.w_rows, self.lower, self.u_columns, du_columns
            push(*matrices, self.inputs, columns, dx, n0, n1, self.lanes)

        in_parts(self.inputs.shape[1], part)
        return from_numpy(dx)[: self.shape[1]].T

    def pullback(self, r: Tensor, start: Tensor | None, by_z: bool) -> Pulled:
        """From ā = t′ ⊙ (c + U rᵀ + Lᵀā): Jᵀr as dW, dU, db, and the cotangents of z or nothing.

        Shapes (N, d) → (K, d), (K, d), (K,), (N, d).
        """
        columns, fill = self._columns(r)
        r_z = np.empty_like(columns) if by_z else self.none
        c = self.none if start is None else start.contiguous().numpy()

        def part(n0: int, n1: int) -> tuple[ndarray, ndarray]:
            fill(n0, n1)
            matrices = self.u_rows, self.upper, self.w_columns
            return pull(*matrices, self.inputs, c, columns, r_z, n0, n1, self.lanes)

        return self._pulled(in_parts(self.inputs.shape[1], part), r_z)

    def normal(self, dw: Tensor, du: Tensor, db: Tensor, dz: Tensor | None) -> Pulled:
        """`pullback` of `jvp`, with the cotangents of z if there is dz, in one pass."""
        a, du_columns = self._direction(dw, du, db)
        columns, fill = self._columns(dz)
        r_z = np.empty_like(columns)

        def part(n0: int, n1: int) -> tuple[ndarray, ndarray]:
            fill(n0, n1)
            there = a, self.w_rows, self.lower, self.u_columns, du_columns
            back = self.u_rows, self.upper
            points = self.inputs, columns, r_z
            return there_and_back(*there, *back, *points, self.w_columns, n0, n1, self.lanes)

        return self._pulled(in_parts(self.inputs.shape[1], part), r_z)

    def _direction(self, dw: Tensor, du: Tensor, db: Tensor) -> tuple[ndarray, ndarray]:
        """[dW, db, 0 …, dL, 0 …] with dL = tril(dW Uᵀ + W dUᵀ), and dUᵀ."""
        layers, dim = self.shape
        k, d = len(self.lower), len(self.u_columns)
        dw_rows, du_columns = pad(dw.numpy(), k, d), pad(du.numpy().T, d, k)
        a = np.zeros((k, len(self.inputs)), self.inputs.dtype)
        a[:, :dim], a[:layers, dim] = dw_rows[:, :dim], db.numpy()
        d_lower = np.zeros((k, k), self.inputs.dtype)
        add_below(dw_rows, self.u_columns, d_lower)
        add_below(self.w_rows, du_columns, d_lower)
        a[:, -k:] = d_lower
        return a, du_columns

    def _columns(self, points: Tensor | None) -> tuple[ndarray, Callable[[int, int], None]]:
        """Where the points' coordinates will be rows, and what fills a part; or nothing."""
        if points is None:
            return self.none, lambda n0, n1: None
        dim, rows = self.shape[1], points.numpy().T
        columns = np.empty((len(self.u_columns), len(points)), self.inputs.dtype)

        def fill(n0: int, n1: int) -> None:
            columns[:dim, n0:n1] = rows[:, n0:n1]
            columns[dim:, n0:n1] = 0

        return columns, fill

    def _pulled(self, parts: list[tuple[ndarray, ndarray]], r_z: ndarray) -> Pulled:
        """The gradients from the sums of the parts: dW has one by L, as dU has."""
        layers, dim = self.shape
        products, du = parts[0]
        for other_products, other_du in parts[1:]:
            products += other_products
            du += other_du
        below = np.tril(products[:, -len(self.lower) :], -1)
        dw = pad(products[:, :dim], *du.shape)
        add_matmul(below, self.u_rows, dw)
        add_matmul(np.ascontiguousarray(below.T), self.w_rows, du)
        dw, du, db = (from_numpy(x)[:layers] for x in (dw[:, :dim], du[:, :dim], products[:, dim]))
        return dw, du, db, from_numpy(r_z)[:dim].T
