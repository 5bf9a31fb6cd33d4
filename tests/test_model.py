"""The push-forward density: it integrates to one, and its logarithm has the score as gradient."""

from __future__ import annotations

import math

import pytest
import torch
from cases import DIFFEOMORPHISMS, normal, random_theta, relative_gap
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal
from torch.func import jacfwd, vmap

from pwgf_core import Affine, Cloud, Compose, Gaussian, Planar, PushForward, Transform, moments

each = pytest.mark.parametrize("transform", DIFFEOMORPHISMS, ids=repr)
in_1d, in_2d = (
    pytest.mark.parametrize("transform", [t for t in DIFFEOMORPHISMS if t.dim == d], ids=repr)
    for d in (1, 2)
)


def model_of(transform: Transform) -> PushForward:
    return PushForward(Gaussian(transform.dim), transform)


@in_1d
def test_density_integrates_to_one_and_score_is_its_slope(
    transform: Transform, generator: Generator
) -> None:
    theta = random_theta(transform, generator)
    z = torch.linspace(-8, 8, 20001).double()[:, None]  # 1e-15 of the mass is outside
    cloud = model_of(transform).cloud(theta, z)
    x = cloud.x[:, 0]
    # The trapezoidal rule on x: second order in a spacing of about 1e-3.
    assert abs(float(torch.trapezoid(cloud.log_rho.exp(), x).abs()) - 1) < 1e-6
    slope = torch.gradient(cloud.log_rho, spacing=(x,))[0]
    assert relative_gap(cloud.score[1:-1, 0], slope[1:-1]) < 1e-5  # second order again


@in_2d
def test_density_integrates_to_one_over_the_pushed_cells(
    transform: Transform, generator: Generator
) -> None:
    theta = random_theta(transform, generator)
    n, width = 400, 12.0
    line = torch.linspace(-width / 2, width / 2, n + 1).double()
    corners = torch.cartesian_prod(line, line)
    middles = torch.cartesian_prod(*(2 * [(line[1:] + line[:-1]) / 2]))
    x = transform(theta, corners).reshape(n + 1, n + 1, 2)
    # The area of a pushed cell from the diagonals of the quadrilateral, no determinant of DT.
    p, q = x[1:, 1:] - x[:-1, :-1], x[:-1, 1:] - x[1:, :-1]
    areas = 0.5 * (p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]).abs().reshape(-1)
    density = model_of(transform).cloud(theta, middles).log_rho.exp()
    assert abs(float(areas @ density) - 1) < 1e-3  # second order in the spacing 0.03


def inverse(transform: Transform, theta: Tensor, x: Tensor, z: Tensor) -> Tensor:
    """T⁻¹(x) by Newton's method, from z near the solution."""
    derivative = vmap(jacfwd(lambda p: transform(theta, p[None])[0]))
    for _ in range(8):
        z = z - torch.linalg.solve(derivative(z), transform(theta, z) - x)
    return z


@each
def test_score_is_the_gradient_of_the_log_density_at_fixed_points(
    transform: Transform, generator: Generator
) -> None:
    model = model_of(transform)
    theta = random_theta(transform, generator)
    z = normal(generator, 6, transform.dim)
    cloud = model.cloud(theta, z)
    step = 1e-4  # central differences: truncation ~ step², here times third derivatives
    columns = []
    for direction in torch.eye(transform.dim).double():
        ends = [
            model.cloud(theta, inverse(transform, theta, cloud.x + s * step * direction, z))
            for s in (1, -1)
        ]
        columns.append((ends[0].log_rho - ends[1].log_rho) / (2 * step))
    assert relative_gap(cloud.score, torch.stack(columns, 1)) < 1e-5


@pytest.mark.parametrize("dim", [1, 4])
def test_affine_model_is_a_gaussian(dim: int, generator: Generator) -> None:
    transform = Affine(dim)
    theta = random_theta(transform, generator)
    u, b = transform.split(theta)
    gaussian = MultivariateNormal(b, u @ u.T)
    cloud = model_of(transform).cloud(theta, normal(generator, 30, dim))
    expected = -torch.linalg.solve(u @ u.T, (cloud.x - b).T).T
    # two factorisations of a matrix with condition number below 1e3
    assert relative_gap(cloud.log_rho, gaussian.log_prob(cloud.x)) < 1e-11
    assert relative_gap(cloud.score, expected) < 1e-11


@each
def test_score_and_log_density_do_not_depend_on_the_chunks(
    transform: Transform, generator: Generator
) -> None:
    model = model_of(transform)
    theta = random_theta(transform, generator)
    z = normal(generator, 23, transform.dim)
    whole = model.linearize(theta, z)[0]
    for chunk in (1, 5, 23, 8192):
        cloud = model.cloud(theta, z, chunk)
        for name in ("x", "log_rho", "score"):
            # matrix products of another size round differently
            assert relative_gap(getattr(cloud, name), getattr(whole, name)) < 1e-12, (name, chunk)


def test_samples_follow_the_density(generator: Generator) -> None:
    transform = Affine(3)
    theta = random_theta(transform, generator)
    u, b = transform.split(theta)
    n = 40000
    x = model_of(transform).sample(theta, n, generator)
    mean, covariance = moments(x)
    scale = float(torch.linalg.matrix_norm(u, 2))
    assert float((mean - b).norm()) < 5 * scale * math.sqrt(3 / n)  # five standard deviations
    assert float((covariance - u @ u.T).norm()) < 5 * scale**2 * math.sqrt(2 * 9 / n)


def test_sample_and_density_agree_on_an_expectation(generator: Generator) -> None:
    transform = Compose(Affine(1), Planar(1, 5))
    theta = random_theta(transform, generator)
    model = model_of(transform)
    grid = model.cloud(theta, torch.linspace(-8, 8, 20001).double()[:, None])
    x = grid.x[:, 0]
    exact = float(torch.trapezoid(grid.log_rho.exp() * x.cos(), x).abs())
    n = 40000
    drawn = float(model.sample(theta, n, generator).cos().mean())
    assert abs(abs(drawn) - exact) < 5 / math.sqrt(n)  # |cos| ≤ 1: five standard deviations


def test_a_cloud_computes_once_and_only_when_asked() -> None:
    calls: list[str] = []

    def log_rho() -> Tensor:
        calls.append("log_rho")
        return torch.zeros(2)

    cloud = Cloud(torch.zeros(2, 1), log_rho)
    assert cloud.n == 2
    assert not calls
    assert cloud.log_rho is cloud.log_rho
    assert calls == ["log_rho"]
    with pytest.raises(ValueError, match="needs score of the cloud"):
        _ = cloud.score


def test_wrong_dimensions_are_named() -> None:
    with pytest.raises(ValueError, match="one dimension, got 2 and 3"):
        PushForward(Gaussian(2), Affine(3))
    model = model_of(Affine(2))
    with pytest.raises(ValueError, match=r"z must have shape \(any, 2\), got \(4, 3\)"):
        model.linearize(torch.zeros(6), torch.zeros(4, 3))
