"""Loops over blocks of samples for the products of a planar flow; importing this needs numba.

Columns are samples. A block stays in cache: every number that is kept for it is read once.
"""

from __future__ import annotations

import numba
import numpy as np

from .compiled import OPTIONS, TILE, add_product, add_sums, solve_rows

WHOLE = 32  # columns that no loop leaves a rest of


@numba.njit(**OPTIONS)
def _slopes(t, part, scale, here):  # pyright: ignore
    """The scale of a block, 1 − t²."""
    for j in range(len(t)):
        a, s = t[j, part], scale[j, here]
        for i in range(len(a)):
            s[i] = 1 - a[i] * a[i]


@numba.njit(**OPTIONS)
def _forward(a, w, lower, u, du, inputs, dz, part, y, scale, here, dx, to):  # pyright: ignore
    """dx of a block from dt = y, which it leaves behind."""
    k = len(lower)
    e = len(inputs) - k
    first, step = np.int64(0), np.int64(1)  # typed, or every literal is compiled anew
    y[:, here] = 0
    for j in range(0, k, TILE):
        add_product(a, j, e + j + TILE, inputs, part, y, here, first, step)
        add_product(w, j, len(dz), dz, part, y, here, first, step)
    solve_rows(lower, scale, here, y, here, first, step)
    dx[:, to] = 0
    for j in range(len(dz)):
        dx[j, to] = dz[j, part]
    for j in range(0, len(dx), TILE):
        add_product(u, j, k, y, here, dx, to, first, step)
        add_product(du, j, k, inputs[e:], part, dx, to, first, step)


@numba.njit(**OPTIONS)
def _backward(u, upper, inputs, part, r, at, y, scale, here, products, by_u):  # pyright: ignore
    """Sums over a block from y = c, in whose place it leaves ā."""
    k = len(upper)
    e = len(inputs) - k
    first, step = np.int64(0), np.int64(1)
    for j in range(0, k, TILE):
        add_product(u, j, len(r), r, at, y, here, first, step)
    solve_rows(upper, scale, here, y, here, np.int64(k - 1), -step)
    for j in range(0, k, TILE):
        add_sums(y, here, inputs, part, products, j, e + j + TILE)
        add_sums(inputs[e:], part, r, at, by_u, j, len(r))


@numba.njit(**OPTIONS)
def _to_input(w, y, here, r, at, r_z, part):  # pyright: ignore
    """r_z = r + Wᵀā of a block, where r_z is asked for."""
    first, step = np.int64(0), np.int64(1)
    for j in range(len(r_z)):
        r_z[j, part] = r[j, at]
    for j in range(0, len(r_z), TILE):
        add_product(w, j, len(y), y, here, r_z, part, first, step)


@numba.njit(**OPTIONS)
def push(a, w, lower, u, du, inputs, dz, dx, n0, n1, lanes):  # pyright: ignore
    k = len(lower)
    t = inputs[len(inputs) - k :]
    y, scale = np.empty((k, lanes), inputs.dtype), np.empty((k, lanes), inputs.dtype)
    for i in range(n0, n1, lanes):
        part, here = slice(i, min(i + lanes, n1)), slice(0, min(lanes, n1 - i))
        _slopes(t, part, scale, here)
        _forward(a, w, lower, u, du, inputs, dz, part, y, scale, here, dx, part)


@numba.njit(**OPTIONS)
def pull(u, upper, w, inputs, start, r, r_z, n0, n1, lanes):  # pyright: ignore
    k = len(upper)
    t = inputs[len(inputs) - k :]
    y, scale = np.empty((k, lanes), inputs.dtype), np.empty((k, lanes), inputs.dtype)
    products = np.zeros((k, len(inputs)), inputs.dtype)
    by_u = np.zeros((k, len(r)), inputs.dtype)
    for i in range(n0, n1, lanes):
        part, here = slice(i, min(i + lanes, n1)), slice(0, min(lanes, n1 - i))
        _slopes(t, part, scale, here)
        y[:, here] = 0
        for j in range(len(start)):
            y[j, here] = start[j, part]
        _backward(u, upper, inputs, part, r, part, y, scale, here, products, by_u)
        _to_input(w, y, here, r, part, r_z, part)
    return products, by_u


@numba.njit(**OPTIONS)
def there_and_back(a, w, lower, u, du, rows, upper, inputs, dz, r_z, w_t, n0, n1, lanes):  # pyright: ignore
    """`push` and `pull` of one block after the other."""
    k, d = len(lower), len(u)
    t = inputs[len(inputs) - k :]
    y, scale = np.empty((k, lanes), inputs.dtype), np.empty((k, lanes), inputs.dtype)
    dx = np.empty((d, lanes), inputs.dtype)
    products = np.zeros((k, len(inputs)), inputs.dtype)
    by_u = np.zeros((k, d), inputs.dtype)
    for i in range(n0, n1, lanes):
        part, here = slice(i, min(i + lanes, n1)), slice(0, min(lanes, n1 - i))
        _slopes(t, part, scale, here)
        _forward(a, w, lower, u, du, inputs, dz, part, y, scale, here, dx, here)
        y[:, here] = 0
        _backward(rows, upper, inputs, part, dx, here, y, scale, here, products, by_u)
        _to_input(w_t, y, here, dx, here, r_z, part)
    return products, by_u


@numba.njit(**OPTIONS)
def add_below(a, x, y):  # pyright: ignore
    """The strictly lower part of y += a x."""
    first, step = np.int64(0), np.int64(1)
    for k in range(0, len(y), TILE):
        part = slice(0, (k + TILE + WHOLE - 1) // WHOLE * WHOLE)  # vectors of the processor
        add_product(a, k, a.shape[1], x, part, y, part, first, step)
        for i in range(k, k + TILE):
            y[i, i:] = 0


@numba.njit(**OPTIONS)
def add_matmul(a, x, y):  # pyright: ignore
    """y += a x; a library's own threads would spin after it and disturb those of `in_parts`."""
    first, step, part = np.int64(0), np.int64(1), slice(0, x.shape[1])
    for k in range(0, len(y), TILE):
        add_product(a, k, a.shape[1], x, part, y, part, first, step)
