"""Products with the Jacobian of a planar flow, compiled; importing this needs numba.

A block of samples goes through one whole product while it stays in cache: every number that is
kept for it is read once. Matrices are padded by zeros to whole tiles.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy import ndarray
from torch import Tensor, from_numpy

from .compiled import DTYPES, OPTIONS, TILE, add_product, add_sums, in_parts, solve_rows

CACHE = 2**20  # bytes of a block, a usual size of the second-level cache; the best of four
LANES = 64, 512  # fewest and most samples of a block


@numba.njit(**OPTIONS)
def _begin(t, start, y, scale, part, here):  # pyright: ignore
    """Rows of a block: the slope 1 − t² as the scale, and y = c or 0."""
    for j in range(len(t)):
        a, s, b = t[j, part], scale[j, here], y[j, here]
        for i in range(len(a)):
            s[i] = 1 - a[i] * a[i]
            b[i] = 0
    for j in range(len(start)):
        y[j, here] = start[j, part]


@numba.njit(**OPTIONS)
def _push(a, lower, u, du, inputs, start, dx, n0, n1, lanes):  # pyright: ignore
    k = len(lower)
    e = len(inputs) - k
    first, step = np.int64(0), np.int64(1)  # typed, or every literal is compiled anew
    t = inputs[e:]
    y, scale = np.empty((k, lanes), inputs.dtype), np.empty((k, lanes), inputs.dtype)
    for i in range(n0, n1, lanes):
        part, here = slice(i, min(i + lanes, n1)), slice(0, min(lanes, n1 - i))
        _begin(t, start, y, scale, part, here)
        for j in range(0, k, TILE):
            add_product(a, j, e + j + TILE, inputs, part, y, here, first, step)
        solve_rows(lower, scale, here, y, here, first, step)
        for j in range(len(dx)):
            dx[j, part] = 0
        for j in range(0, len(dx), TILE):
            add_product(u, j, k, y, here, dx, part, first, step)
            add_product(du, j, k, t, part, dx, part, first, step)


@numba.njit(**OPTIONS)
def _pull(u, lower, w, inputs, start, r, r_z, n0, n1, lanes):  # pyright: ignore
    k = len(lower)
    e = len(inputs) - k
    first, step = np.int64(0), np.int64(1)  # typed, or every literal is compiled anew
    t = inputs[e:]
    y, scale = np.empty((k, lanes), inputs.dtype), np.empty((k, lanes), inputs.dtype)
    products = np.zeros((k, len(inputs)), inputs.dtype)
    by_u = np.zeros((k, len(r)), inputs.dtype)
    for i in range(n0, n1, lanes):
        part, here = slice(i, min(i + lanes, n1)), slice(0, min(lanes, n1 - i))
        _begin(t, start, y, scale, part, here)
        for j in range(0, k, TILE):
            add_product(u, j, len(r), r, part, y, here, first, step)
        solve_rows(lower, scale, here, y, here, np.int64(k - 1), -step)
        for j in range(0, k, TILE):
            add_sums(y, here, inputs, part, products, j, e + j + TILE)
            add_sums(t, part, r, part, by_u, j, len(r))
        for j in range(len(r_z)):
            r_z[j, part] = r[j, part]
        for j in range(0, len(r_z), TILE):
            add_product(w, j, k, y, here, r_z, part, first, step)
    return products, by_u


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
        self.w, self.u, self.inputs = w.numpy(), u.numpy(), inputs.numpy()
        layers, dim = w.shape
        k, d = padded(layers), padded(dim)
        self.lower = pad(lower.numpy(), k, k)
        self.upper = np.ascontiguousarray(self.lower.T[::-1, ::-1])  # L^T from the last row up
        self.u_rows, self.u_columns = pad(self.u, k, d), pad(self.u.T, d, k)
        self.w_columns = pad(self.w.T, d, k)
        block = (len(inputs) + 2 * k + d) * inputs.element_size()
        self.lanes = max(LANES[0], min(LANES[1], CACHE // block // 16 * 16))
        self.none = np.empty((0, 0), self.inputs.dtype)

    @staticmethod
    def allocate(z: Tensor, layers: int) -> tuple[Tensor, Tensor]:
        """`inputs` without the activations, and where these K rows are: (·, N), (K, N)."""
        n, dim = z.shape
        at = padded(dim + 1)
        inputs = z.new_zeros(at + padded(layers), n)
        inputs[:dim], inputs[dim] = z.T, 1
        return inputs, inputs[at : at + layers]

    def jvp(self, dw: Tensor, du: Tensor, db: Tensor, start: Tensor | None) -> Tensor:
        """dx = Uᵀdt + dUᵀt, dt = t′ ⊙ (c + dW z + db + dL t + L dt), c = `start`: (N, d)."""
        layers, dim = self.u.shape
        k, d, n = len(self.lower), len(self.u_columns), self.inputs.shape[1]
        dw_, du_ = dw.numpy(), du.numpy()
        a = np.zeros((k, len(self.inputs)), self.inputs.dtype)
        a[:layers, :dim], a[:layers, dim] = dw_, db.numpy()
        with np.errstate(invalid="ignore"):  # an infinite direction gives NaN, as without numba
            a[:layers, -k:][:, :layers] = np.tril(dw_ @ self.u.T + self.w @ du_.T, -1)
        du_columns = pad(du_.T, d, k)
        dx = np.empty((d, n), self.inputs.dtype)
        c = self.none if start is None else start.contiguous().numpy()

        def part(n0: int, n1: int) -> None:
            _push(a, self.lower, self.u_columns, du_columns, self.inputs, c, dx, n0, n1, self.lanes)

        in_parts(n, part)
        return from_numpy(dx)[:dim].T

    def pullback(
        self, r: Tensor, start: Tensor | None, by_z: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """From ā = t′ ⊙ (c + U rᵀ + Lᵀā): Jᵀr as dW, dU, db, and the cotangents of z or nothing.

        Shapes (N, d) → (K, d), (K, d), (K,), (N, d).
        """
        layers, dim = self.u.shape
        d, n = len(self.u_columns), self.inputs.shape[1]
        columns = np.zeros((d, n), self.inputs.dtype)
        r_z = np.empty_like(columns) if by_z else self.none
        c, rows = self.none if start is None else start.contiguous().numpy(), r.numpy().T

        def part(n0: int, n1: int) -> tuple[ndarray, ndarray]:
            columns[:dim, n0:n1] = rows[:, n0:n1]
            return _pull(
                self.u_rows,
                self.upper,
                self.w_columns,
                self.inputs,
                c,
                columns,
                r_z,
                n0,
                n1,
                self.lanes,
            )

        parts = in_parts(n, part)
        products, du = parts[0]
        for other_products, other_du in parts[1:]:
            products += other_products
            du += other_du
        below = np.tril(products[:layers, -len(self.lower) :][:, :layers], -1)
        with np.errstate(invalid="ignore"):
            dw = products[:layers, :dim] + below @ self.u
            du = du[:layers, :dim] + below.T @ self.w
        db = products[:layers, dim]
        return from_numpy(dw), from_numpy(du), from_numpy(db), from_numpy(r_z)[:dim].T
