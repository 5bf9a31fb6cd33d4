"""Masses of cells and Pearson's test: exact integrals, and the law of χ² under the hypothesis."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Generator, Tensor

from pwgf_core import Gaussian, cell_masses, chi_square, convergence_order


def normal_cdf(x: Tensor) -> Tensor:
    return torch.special.ndtr(x)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_the_cells_of_a_gaussian_are_products_of_differences_of_its_cdf(dim: int) -> None:
    masses = cell_masses(Gaussian(dim).log_prob, dim, 3.0, cells=6)
    line = normal_cdf(torch.linspace(-3, 3, 7).double()).diff()
    exact = line
    for _ in range(dim - 1):
        exact = exact[..., None] * line
    # order 8 with cells of width 1: error (b − a)⁹ (4!)⁴/(9 (8!)³) max|f⁽⁸⁾| = 2e-8, each factor
    assert float((masses - exact).abs().max()) < 1e-7


def test_the_order_is_twice_the_number_of_points() -> None:
    def square(x: Tensor) -> Tensor:  # ρ = x² on (0, 1)
        return 2 * x[:, 0].log()

    def wave(x: Tensor) -> Tensor:  # ρ = e^{3x}, ∫ = 2 sinh(3)/3 on (−1, 1)
        return 3 * x[:, 0]

    exact = 2 * math.sinh(3) / 3
    counts = [8, 16, 32]
    gaps = [abs(float(cell_masses(wave, 1, 1.0, n, points=2).sum()) - exact) for n in counts]
    assert convergence_order([1 / n for n in counts], gaps) == pytest.approx(4, abs=0.1)
    # two points integrate cubics exactly; the other half line gives log of a negative number
    half = cell_masses(square, 1, 1.0, cells=2, points=2)[1]
    assert float(half) == pytest.approx(1 / 3, rel=1e-14)


@pytest.mark.parametrize("dim", [1, 2])
def test_under_the_hypothesis_the_p_value_is_uniform(dim: int) -> None:
    generator = Generator().manual_seed(1)
    masses = cell_masses(Gaussian(dim).log_prob, dim, 2.0, cells=5)
    values = [
        chi_square(Gaussian(dim).sample(2000, generator), masses, 2.0).p_value for _ in range(400)
    ]
    p = torch.tensor(values).sort().values
    gap = (p - (torch.arange(400) + 0.5) / 400).abs().max()
    # Kolmogorov: P(√n D > 1.95) = 0.001
    assert float(gap) < 1.95 / 20


def test_the_degrees_count_the_cells_and_the_rest() -> None:
    masses = torch.full((4,), 0.2, dtype=torch.float64)
    x = torch.tensor([-1.5, -0.5, 0.5, 1.5, 7.0]).double().repeat(20)[:, None]
    value, degrees, p = chi_square(x, masses, 2.0)  # 20 in each cell and outside, as expected
    assert (value, degrees, p) == (pytest.approx(0, abs=1e-12), 4, pytest.approx(1))
    one = torch.cat([x, x[:1]])  # 101 points, 20.2 expected: (0.8² + 4 · 0.2²)/20.2
    assert chi_square(one, masses, 2.0).value == pytest.approx(0.8 / 20.2, rel=1e-12)


def test_rows_and_columns_are_not_exchanged() -> None:
    def density(x: Tensor) -> Tensor:  # N(0, diag(1, 1/4))
        return Gaussian(2).log_prob(x * torch.tensor([1.0, 2.0]).to(x)) + math.log(2)

    masses = cell_masses(density, 2, 3.0, cells=8)
    x = Gaussian(2).sample(4000, Generator().manual_seed(0)) * torch.tensor([1.0, 0.5])
    assert chi_square(x, masses, 3.0).p_value > 1e-3
    assert chi_square(x.flip(1), masses, 3.0).p_value < 1e-12


def test_bad_input_is_named() -> None:
    masses = torch.full((4,), 0.25).double()
    with pytest.raises(ValueError, match=r"half_width must be a finite number above 0, got 0"):
        cell_masses(Gaussian(1).log_prob, 1, 0.0)
    with pytest.raises(ValueError, match=r"half_width must be a finite number above 0, got -1"):
        chi_square(torch.zeros(9, 1), masses, -1.0)
    with pytest.raises(ValueError, match=r"x must have shape \(any, 1\)"):
        chi_square(torch.zeros(9, 2), masses, 1.0)
    with pytest.raises(ValueError, match=r"got 0 of 4 cells; use more samples"):
        chi_square(torch.zeros(4, 1), torch.zeros(4).double() + 0.25, 1.0)
