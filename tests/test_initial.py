"""Fitting the first θ: exact maps, maximum likelihood of Gaussians, and the measured E0."""

from __future__ import annotations

import math

import pytest
import torch
from cases import normal, relative_gap
from torch import Generator

from pwgf_core import Affine, Gaussian, Planar, PushForward, Residual, fit_initial, moments
from pwgf_core.initial import _likelihood


def test_an_affine_map_is_found_exactly(generator: Generator) -> None:
    model = PushForward(Gaussian(3), Affine(3))
    matrix, shift = torch.eye(3).double() + 0.4 * normal(generator, 3, 3), normal(generator, 3)
    first = model.transform.init(generator)
    fit = fit_initial(model, first, lambda z: z @ matrix.T + shift, generator, tol=1e-14)
    assert fit.converged
    assert fit.kind == "map_bound"
    assert fit.e0 < 1e-5  # the expected gain is below 1e-14 variances: its root, with condition
    assert relative_gap(fit.theta, torch.cat([matrix.reshape(-1), shift])) < 1e-5


def test_the_bound_of_a_map_is_its_distance(generator: Generator) -> None:
    # Translations fitted to z ↦ 3z: best is no translation, at distance √E|2z|² = 2√d
    model = PushForward(Gaussian(2), Affine(2, "translation"))
    fit = fit_initial(model, torch.ones(2).double(), lambda z: 3 * z, generator)
    assert fit.e0 == pytest.approx(2 * math.sqrt(2), rel=1e-6)  # matched samples
    assert float(fit.theta.norm()) < 1e-3


def test_maximum_likelihood_of_a_gaussian_has_the_moments_of_the_sample(
    generator: Generator,
) -> None:
    model = PushForward(Gaussian(2), Affine(2))
    x = normal(generator, 3000, 2) @ torch.tensor([[1.5, 0.5], [0.0, 0.4]]).double() + 1
    fit = fit_initial(model, model.transform.init(generator), x, generator, tol=1e-14)
    u, b = Affine(2).split(fit.theta)
    mean, covariance = moments(x)
    assert fit.converged
    assert fit.kind == "sample_w2"
    assert relative_gap(b, mean) < 1e-5  # root of the gain, with condition
    assert relative_gap(u @ u.T, covariance) < 1e-5
    assert fit.e0 < 2 * fit.floor  # one law: all of the distance is sampling noise


def test_the_likelihood_gradient_is_that_of_log_prob(generator: Generator) -> None:
    model = PushForward(Gaussian(2), Planar(2, 5))
    theta, x = model.transform.init(generator), normal(generator, 40, 2)
    theta = theta + 0.1 * normal(generator, len(theta))
    direction, step = normal(generator, len(theta)), 1e-5
    objective = _likelihood(model, x)
    slope = (objective(theta - step * direction)[0] - objective(theta + step * direction)[0]) / (
        2 * step
    )
    # central differences: truncation ~ step²
    assert float(objective(theta)[2] @ direction) == pytest.approx(slope, rel=1e-7)


def test_the_likelihood_does_not_depend_on_its_last_inverse(generator: Generator) -> None:
    model = PushForward(Gaussian(2), Residual(2, 8))
    first, x = model.transform.init(generator), normal(generator, 60, 2)
    theta = first + 0.05 * normal(generator, len(first))
    warm = _likelihood(model, x)
    warm(first)
    value, _, slope = warm(theta)
    expected, _, expected_slope = _likelihood(model, x)(theta)
    assert value == pytest.approx(expected, rel=1e-10)  # two inverses to round-off times condition
    assert relative_gap(slope, expected_slope) < 1e-9


def test_a_nonlinear_map_is_approximated(generator: Generator) -> None:
    model = PushForward(Gaussian(1), Residual(1, 12))
    first = model.transform.init(generator)
    fit = fit_initial(model, first, lambda z: z + 0.5 * torch.sin(z), generator, max_iterations=30)
    start = math.sqrt(0.125 * (1 - math.exp(-2)))  # √E(sin²(z)/4)
    assert fit.e0 < 0.02 * start


def test_wrong_arguments_are_named(generator: Generator) -> None:
    model = PushForward(Gaussian(2), Affine(2))
    first = model.transform.init(generator)
    with pytest.raises(ValueError, match=r"target must have shape \(any, 2\), got \(5, 3\)"):
        fit_initial(model, first, torch.zeros(5, 3), generator)
    with pytest.raises(ValueError, match=r"target\(z\) must have shape \(2048, 2\)"):
        fit_initial(model, first, lambda z: z[:, :1], generator)
    with pytest.raises(ValueError, match="tol must be a finite number above 0"):
        fit_initial(model, first, lambda z: z, generator, tol=0.0)
