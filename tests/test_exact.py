"""The exact Ornstein–Uhlenbeck flow against independent integrations and the slides' case."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from cases import normal, relative_gap
from scipy.integrate import solve_ivp
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal

from pwgf_core import Cloud, Gaussian, OrnsteinUhlenbeck, problem


def random_flow(dim: int, generator: Generator) -> OrnsteinUhlenbeck:
    def covariance() -> Tensor:
        factor = normal(generator, dim, dim)
        return factor @ factor.T / dim + 0.2 * torch.eye(dim)

    return OrnsteinUhlenbeck(
        normal(generator, dim), covariance(), 0.7, normal(generator, dim), covariance()
    )


@pytest.mark.parametrize("dim", [1, 3])
def test_moments_solve_their_equations(dim: int, generator: Generator) -> None:
    # m' = −P (m − μ) and C' = −PC − CP + 2D I, integrated by an adaptive method.
    flow = random_flow(dim, generator)
    p, mu = torch.linalg.inv(flow.sigma).numpy(), flow.mu.numpy()

    def rate(_: float, y: np.ndarray) -> np.ndarray:
        m, c = y[:dim], y[dim:].reshape(dim, dim)
        dc = -p @ c - c @ p + 2 * flow.diffusion * np.eye(dim)
        return np.concatenate([-p @ (m - mu), dc.reshape(-1)])

    start = np.concatenate([flow.m0.numpy(), flow.c0.numpy().reshape(-1)])
    times = [0.1, 0.5, 2.0]
    y = solve_ivp(rate, (0, 2), start, t_eval=times, method="DOP853", rtol=1e-12, atol=1e-13).y
    for t, column in zip(times, y.T, strict=True):
        # 100 times the tolerance of the integrator
        np.testing.assert_allclose(flow.mean(t).numpy(), column[:dim], atol=1e-10)
        np.testing.assert_allclose(flow.covariance(t).numpy().reshape(-1), column[dim:], atol=1e-10)


@pytest.mark.parametrize("dim", [1, 3])
def test_start_and_end(dim: int, generator: Generator) -> None:
    flow = random_flow(dim, generator)
    assert relative_gap(flow.mean(0.0), flow.m0) < 1e-13  # products with eigenvectors
    assert relative_gap(flow.covariance(0.0), flow.c0) < 1e-13
    late = 40 / float(flow.rates.min())  # e^−40 is below round-off
    assert relative_gap(flow.mean(late), flow.mu) < 1e-13
    assert relative_gap(flow.covariance(late), 0.7 * flow.sigma) < 1e-13
    assert flow.kl(late) == pytest.approx(0.0, abs=1e-13)


def test_the_flow_is_a_semigroup(generator: Generator) -> None:
    flow = random_flow(3, generator)
    later = OrnsteinUhlenbeck(flow.mu, flow.sigma, 0.7, flow.mean(0.3), flow.covariance(0.3))
    assert relative_gap(later.mean(0.4), flow.mean(0.7)) < 1e-13  # round-off
    assert relative_gap(later.covariance(0.4), flow.covariance(0.7)) < 1e-13


def test_energy_is_that_of_the_density(generator: Generator) -> None:
    # F = ∫Vρ + D∫ρ log ρ on matched samples of ρ_t, where both averages are exact.
    flow = random_flow(3, generator)
    p = torch.linalg.inv(flow.sigma)
    z = Gaussian(3).draw(64, generator, sampling="matched")
    for t in (0.0, 0.4, 3.0):
        mean, covariance = flow.mean(t), flow.covariance(t)
        x = mean + z @ torch.linalg.cholesky(covariance).T
        gap = x - flow.mu
        potential = 0.5 * torch.einsum("ni,ij,nj->n", gap, p, gap)
        log_rho = MultivariateNormal(mean, covariance).log_prob(x)
        expected = float((potential + flow.diffusion * log_rho).mean())
        assert flow.energy(t) == pytest.approx(expected, rel=1e-11)  # solves


def test_energy_dissipates_at_the_rate_of_the_squared_velocity(generator: Generator) -> None:
    # dF/dt = −E|v|² with v = −P(x − μ) + D C⁻¹(x − m).
    flow = random_flow(3, generator)
    p = torch.linalg.inv(flow.sigma)
    t, step = 0.3, 1e-4
    mean, covariance = flow.mean(t), flow.covariance(t)
    matrix = flow.diffusion * torch.linalg.inv(covariance) - p
    speed = torch.trace(matrix @ covariance @ matrix.T) + (p @ (mean - flow.mu)).square().sum()
    slope = (flow.energy(t + step) - flow.energy(t - step)) / (2 * step)
    assert slope == pytest.approx(-float(speed), rel=1e-5)  # second order in the step


def test_kl_of_the_ten_dimensional_case() -> None:
    flow = problem("ornstein_uhlenbeck_10d").exact
    assert isinstance(flow, OrnsteinUhlenbeck)
    expected = {0.5: 0.88285, 1.0: 0.080416, 2.0: 0.0091621, 4.0: 1.677e-4}
    for t, value in expected.items():
        assert flow.kl(t) == pytest.approx(value, rel=3e-4)  # the digits that are known
    # The energy is KL up to the constant −log Z.
    log_z = 0.5 * float(torch.logdet(2 * math.pi * flow.sigma))
    assert flow.energy(1.0) == pytest.approx(flow.kl(1.0) - log_z, rel=1e-12)


def test_errors_of_an_exact_sample_vanish(generator: Generator) -> None:
    flow = random_flow(3, generator)
    z = Gaussian(3).draw(64, generator, sampling="matched")
    x = flow.mean(0.5) + z @ torch.linalg.cholesky(flow.covariance(0.5)).T
    errors = flow.errors(Cloud(x), 0.5)
    assert set(errors) == {"bures_w2", "mean_error", "covariance_error"}
    assert errors["mean_error"] < 1e-13  # round-off
    assert errors["covariance_error"] < 1e-13
    assert errors["bures_w2"] < 1e-6  # the root of round-off
    moved = flow.errors(Cloud(x + 2), 0.5)
    assert moved["mean_error"] == pytest.approx(2 * math.sqrt(3), rel=1e-12)
    assert moved["bures_w2"] == pytest.approx(2 * math.sqrt(3), rel=1e-9)
    stretched = flow.errors(Cloud(flow.mean(0.5) + 2 * (x - flow.mean(0.5))), 0.5)
    expected = 3 * float(torch.linalg.matrix_norm(flow.covariance(0.5)))
    assert stretched["covariance_error"] == pytest.approx(expected, rel=1e-12)


def test_wrong_arguments_are_named() -> None:
    mean, eye = torch.zeros(2), torch.eye(2)
    with pytest.raises(ValueError, match=r"covariance must have shape \(2, 2\), got \(3, 3\)"):
        OrnsteinUhlenbeck(mean, torch.eye(3))
    with pytest.raises(ValueError, match="covariance must be positive definite"):
        OrnsteinUhlenbeck(mean, torch.diag(torch.tensor([1.0, 0.0])))
    with pytest.raises(ValueError, match="diffusion must be a finite number above 0"):
        OrnsteinUhlenbeck(mean, eye, diffusion=0.0)
