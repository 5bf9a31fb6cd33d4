"""The spectrum of Ĝ against known matrices."""

import pytest
import torch
from torch import Generator

from pwgf_core import Affine, Gaussian, Planar, RelaxedMetric, Residual, metric_spectrum


def test_it_is_the_spectrum_of_the_dense_metric(generator: Generator) -> None:
    T = Planar(2, 3)
    theta = T.init(generator) + 0.3 * torch.randn(T.n_params, generator=generator).double()
    jacobian = T.jacobian(theta, Gaussian(2).sample(200, generator, torch.float64))
    dense = torch.linalg.eigvalsh(RelaxedMetric(jacobian).dense()).flip(0)
    # a backward-stable solver is off by round-off times the largest eigenvalue
    assert metric_spectrum(jacobian) == pytest.approx(dense, abs=1e-13 * float(dense[0]))


def test_an_affine_map_of_a_normal_law_has_the_condition_number_one(generator: Generator) -> None:
    z = Gaussian(2).draw(256, generator, torch.float64, "matched")
    T = Affine(2)
    spectrum = metric_spectrum(T.jacobian(T.init(generator), z))
    assert spectrum == pytest.approx(torch.ones(6).double(), abs=1e-12)  # E[zzᵀ] = I to round-off


@pytest.mark.parametrize("width", [4, 16])
def test_a_residual_map_starts_with_rank_d_times_d_plus_one_plus_k(
    width: int, generator: Generator
) -> None:
    T = Residual(2, width)
    z = Gaussian(2).sample(500, generator, torch.float64)
    spectrum = metric_spectrum(T.jacobian(T.init(generator), z))
    # zeros come out as the square of round-off, the others are above 1e-9 of the largest
    assert int((spectrum > 1e-20 * spectrum[0]).sum()) == 2 * (2 + 1 + width)


def test_it_resolves_what_the_matrix_hides() -> None:
    z = torch.tensor([[1.0], [1.0 + 1e-9]], dtype=torch.float64)
    T = Affine(1)
    jacobian = T.jacobian(T.init(Generator()), z)
    true = 1e-18 / 8  # det Ĝ = Var z = 1e-18/4, trace Ĝ = 2 + O(1e-9)
    assert float(metric_spectrum(jacobian)[1]) == pytest.approx(true, rel=1e-4, abs=0)
    hidden = float(torch.linalg.eigvalsh(RelaxedMetric(jacobian).dense())[0])
    assert abs(hidden / true - 1) > 0.5  # round-off of the trace is 1e-16
