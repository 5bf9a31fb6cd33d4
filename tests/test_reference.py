"""Reference measures: moments, densities, scores, and the three kinds of samples."""

from __future__ import annotations

import math

import pytest
import torch
from cases import relative_gap
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal
from torch.quasirandom import SobolEngine

from pwgf_core import Gaussian, convergence_order

dims = pytest.mark.parametrize("dim", [1, 2, 7])


@dims
@pytest.mark.parametrize("sampling", ["random", "sobol"])
def test_moments_of_a_sample(dim: int, sampling: str, generator: Generator) -> None:
    n = 2**14
    z = Gaussian(dim).draw(n, generator, sampling=sampling)
    assert z.shape == (n, dim)
    error = 5 / math.sqrt(n)  # five standard deviations of a mean; √2 more for a variance
    assert float(z.mean(0).abs().max()) < error
    assert float((z.T @ z / n - torch.eye(dim)).abs().max()) < math.sqrt(2) * error


@dims
def test_matched_moments_are_exact(dim: int, generator: Generator) -> None:
    z = Gaussian(dim).draw(500, generator, sampling="matched")
    eye = torch.eye(dim).double()
    assert float(z.mean(0).abs().max()) < 1e-15  # round-off of an average
    assert float((z.T @ z / len(z) - eye).abs().max()) < 1e-14  # and of a factorisation


def test_matched_moments_in_single_precision(generator: Generator) -> None:
    z = Gaussian(5).draw(500, generator, torch.float32, "matched")
    assert z.dtype is torch.float32
    # matched in double precision, then rounded: ε = 6e-8 per number, averaged
    assert float(z.double().mean(0).abs().max()) < 1e-7
    assert float((z.double().T @ z.double() / 500 - torch.eye(5)).abs().max()) < 1e-6


@dims
def test_matching_is_one_affine_map(dim: int, generator: Generator) -> None:
    gaussian = Gaussian(dim)
    z = 3 + 2 * gaussian.sample(50, generator)
    design = torch.cat([z, torch.ones(50, 1).double()], 1)
    matched = gaussian.matched(z)
    coefficients = torch.linalg.lstsq(design, matched).solution
    assert relative_gap(design @ coefficients, matched) < 1e-13  # a least-squares solve


@dims
def test_log_prob_and_score(dim: int, generator: Generator) -> None:
    z = 2 * Gaussian(dim).sample(20, generator)
    normal = MultivariateNormal(torch.zeros(dim).double(), torch.eye(dim).double())
    assert relative_gap(Gaussian(dim).log_prob(z), normal.log_prob(z)) < 1e-14  # sums of d terms
    gradient = torch.func.grad(lambda p: Gaussian(dim).log_prob(p).sum())(z)
    assert torch.equal(Gaussian(dim).score(z), gradient)


def test_from_uniform_inverts_the_distribution_function() -> None:
    u = torch.linspace(0.001, 0.999, 301).double()[:, None]
    back = torch.special.ndtr(Gaussian(1).from_uniform(u))
    assert relative_gap(back, u) < 1e-14  # two special functions of double precision


@pytest.mark.parametrize("sampling", ["random", "sobol", "matched"])
def test_the_generator_decides(sampling: str) -> None:
    def draw(seed: int, n: int = 64) -> Tensor:
        return Gaussian(3).draw(n, Generator().manual_seed(seed), sampling=sampling)

    assert torch.equal(draw(1), draw(1))
    assert not torch.allclose(draw(1), draw(2))


def test_a_generator_gives_a_new_sample_each_time(generator: Generator) -> None:
    gaussian = Gaussian(2)
    for sampling in ("random", "sobol", "matched"):
        first = gaussian.draw(64, generator, sampling=sampling)
        assert not torch.allclose(first, gaussian.draw(64, generator, sampling=sampling))


def integration_error(sampling: str, n: int) -> float:
    """Root mean square error of E[cos(Σz/2)] = exp(−d/8), d = 4, over 20 samples."""
    generator = Generator().manual_seed(0)
    exact = math.exp(-0.5)
    errors = [
        float(Gaussian(4).draw(n, generator, sampling=sampling).sum(1).div(2).cos().mean()) - exact
        for _ in range(20)
    ]
    return math.sqrt(sum(e * e for e in errors) / len(errors))


def test_sobol_points_integrate_better_and_at_a_better_order() -> None:
    sizes = [2**k for k in range(6, 13)]
    errors = {s: [integration_error(s, n) for n in sizes] for s in ("random", "sobol")}
    assert errors["sobol"][-1] < errors["random"][-1] / 10  # measured: 1/30
    order = {s: -convergence_order(sizes, e) for s, e in errors.items()}
    assert abs(order["random"] - 0.5) < 0.1  # Monte Carlo
    assert order["sobol"] > 0.85  # 1 up to logarithms for a smooth integrand


def test_sobol_points_are_finite_in_many_dimensions(generator: Generator) -> None:
    z = Gaussian(30).sobol(2**14, generator, torch.float32)
    assert bool(torch.isfinite(z).all())
    assert float(z.abs().max()) < 6.5  # quantile of 2^−33


@pytest.mark.parametrize("end", [0.0, 1 - 2.0**-30])
def test_the_ends_of_the_sobol_grid_are_finite(
    end: float, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(engine: SobolEngine, n: int, dtype: torch.dtype) -> Tensor:
        return torch.full((n, engine.dimension), end, dtype=dtype)

    monkeypatch.setattr(SobolEngine, "draw", draw)
    z = Gaussian(2).sobol(3, generator, torch.float32)
    assert bool((z.abs() > 5).all())
    assert bool((z.abs() < 7).all())


def test_wrong_arguments_are_named(generator: Generator) -> None:
    gaussian = Gaussian(3)
    with pytest.raises(ValueError, match="dim must be an integer of at least 1, got 0"):
        Gaussian(0)
    with pytest.raises(ValueError, match="n must be an integer of at least 1, got 0"):
        gaussian.sample(0, generator)
    with pytest.raises(ValueError, match="n must be an integer of at least 1, got 0"):
        gaussian.sobol(0, generator)
    with pytest.raises(ValueError, match="sampling must be one of matched, random, sobol"):
        gaussian.draw(5, generator, sampling="halton")
    with pytest.raises(ValueError, match="matched samples need more than 3 points z, got 3"):
        gaussian.draw(3, generator, sampling="matched")
    for function in (gaussian.log_prob, gaussian.score, gaussian.matched):
        with pytest.raises(ValueError, match=r"z must have shape \(any, 3\), got \(5, 2\)"):
            function(torch.zeros(5, 2))
