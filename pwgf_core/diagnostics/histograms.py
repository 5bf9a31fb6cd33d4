"""A density against samples: the masses of the cells of a grid, and Pearson's χ² test."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import (
    check_count,
    check_function,
    check_memory,
    check_points,
    check_positive,
    check_real,
    check_type,
    check_values,
)

LEAST = 5.0  # expected points in a cell; fewer make the law of χ² a poor one


def cell_masses(
    log_prob: Callable[[Tensor], Tensor],
    dim: int,
    half_width: float,
    cells: int = 16,
    points: int = 4,
) -> Tensor:
    """∫ρ over the cells of a regular grid of the cube (−`half_width`, `half_width`)^d.

    `log_prob` maps (n, d) to log ρ, (n,). The result has shape (cells, …, cells); its sum is the
    mass in the cube. Each cell has `points`^d Gauss–Legendre points: the error is that of order
    2 `points` in the width of a cell where ρ is smooth.

    Raises `ValueError` if a count is no positive integer or `half_width` is not positive.

    >>> from pwgf_core import Gaussian
    >>> masses = cell_masses(Gaussian(2).log_prob, 2, 6.0)
    >>> masses.shape, round(float(masses.sum()), 6)
    (torch.Size([16, 16]), 1.0)
    """
    check_count("dim", dim)
    check_count("cells", cells)
    check_count("points", points)
    check_positive("half_width", half_width)
    check_function("log_prob", log_prob)
    check_memory("cells", cells, 4 * dim * (float(cells) * points) ** min(dim, 100))
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(points))
    width = 2 * half_width / cells
    centres = width * (torch.arange(cells, dtype=torch.float64) + 0.5) - half_width
    line = (centres[:, None] + width / 2 * nodes).reshape(-1)
    x = torch.cartesian_prod(*[line] * dim).reshape(-1, dim)
    values = log_prob(x)
    check_real("log_prob(x)", values, (len(x),))
    masses = values.exp().reshape([cells, points] * dim)
    for axis in range(dim):  # the axes of the points are summed one after the other
        masses = masses.movedim(axis + 1, -1) @ (width / 2 * weights)
    return masses


class ChiSquare(NamedTuple):
    """χ² = Σ (observed − expected)²/expected, its degrees of freedom, and P(χ² at least that)."""

    value: float
    degrees: int
    p_value: float


def chi_square(x: Tensor, masses: Tensor, half_width: float) -> ChiSquare:
    """Pearson's test that independent samples x, shape (n, d), have the masses of `cell_masses`.

    Cells with less than 5 points expected are put together with all that lies outside the cube.

    Raises `ValueError` for other shapes, and where fewer than two cells are left.

    >>> from pwgf_core import Gaussian
    >>> x = Gaussian(1).sample(10_000, torch.Generator().manual_seed(0))
    >>> masses = cell_masses(Gaussian(1).log_prob, 1, 4.0)
    >>> chi_square(x, masses, 4.0).p_value > 0.01, chi_square(1.1 * x, masses, 4.0).p_value < 1e-6
    (True, True)
    """
    check_type("masses", masses, Tensor)
    d, cells = masses.ndim, len(masses) if masses.ndim else 0
    check_real("masses", masses, (cells,) * max(d, 1))
    check_points("x", x, d)
    check_values("x", x)
    check_values("masses", masses)
    check_positive("half_width", half_width)
    place = ((x.double() + half_width) * (cells / (2 * half_width))).floor()
    inside = ((place >= 0) & (place < cells)).all(1)
    powers = cells ** torch.arange(d - 1, -1, -1)
    cell = (place[inside].long() * powers).sum(1)
    expected = len(x) * masses.reshape(-1).double()
    kept = expected >= LEAST
    observed = torch.bincount(cell, minlength=len(expected)).double()[kept]
    expected = expected[kept]
    rest = len(x) - expected.sum()
    if float(rest) >= LEAST:
        expected = torch.cat([expected, rest[None]])
        observed = torch.cat([observed, (len(x) - observed.sum())[None]])
    if len(expected) < 2:
        raise ValueError(
            f"at least 2 cells must expect {LEAST:g} points or more, got {len(expected)} of "
            f"{masses.numel()} cells; use more samples or larger cells"
        )
    value, degrees = ((observed - expected) ** 2 / expected).sum(), len(expected) - 1
    half = torch.tensor(degrees / 2, dtype=value.dtype)
    return ChiSquare(float(value), degrees, float(torch.special.gammaincc(half, value / 2)))
