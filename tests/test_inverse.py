"""Inverses: the round trip, the closed forms against Newton's method, and what has no inverse."""

from __future__ import annotations

import pytest
import torch
from cases import DIFFEOMORPHISMS, normal, random_theta, relative_gap
from torch import Generator
from torch.distributions import MultivariateNormal

from pwgf_core import Affine, Compose, Gaussian, NumericalError, Planar, PushForward, Transform
from pwgf_core.transforms.inverse import newton_inverse
from pwgf_core.transforms.planar import solve_activation

each = pytest.mark.parametrize("transform", DIFFEOMORPHISMS, ids=repr)


@each
def test_round_trip(transform: Transform, generator: Generator) -> None:
    theta = random_theta(transform, generator)
    z = 2 * normal(generator, 40, transform.dim)
    x = transform(theta, z)
    back = transform.inverse(theta, x)
    # Residuals near round-off; the distance to z is larger by the condition of DT, below 1e3.
    assert relative_gap(transform(theta, back), x) < 1e-12
    assert relative_gap(back, z) < 1e-9


@each
def test_inverse_agrees_with_newton(transform: Transform, generator: Generator) -> None:
    theta = random_theta(transform, generator)
    x = transform(theta, normal(generator, 40, transform.dim))
    expected = newton_inverse(transform, theta, x, x)
    assert relative_gap(transform.inverse(theta, x), expected) < 1e-9  # as above


@each
def test_newton_inverts_every_point_on_its_own(transform: Transform, generator: Generator) -> None:
    theta = random_theta(transform, generator)
    z = 2 * normal(generator, 6, transform.dim)
    x = transform(theta, z)
    start = torch.cat([z[:3], x[3:]])  # three are solved from the start and stay as they are
    together = newton_inverse(transform, theta, x, start)
    assert torch.equal(together[:3], z[:3])
    alone = [newton_inverse(transform, theta, x[i, None], start[i, None]) for i in range(6)]
    assert relative_gap(together, torch.cat(alone)) < 1e-9  # as above


@each
def test_few_steps_do_from_a_near_start(transform: Transform, generator: Generator) -> None:
    theta = random_theta(transform, generator)
    z = normal(generator, 40, transform.dim)
    x = transform(theta, z)
    # errors 1e-4, then about 1e-8, then round-off, with factors for the curvature
    near = newton_inverse(transform, theta, x, z + 1e-4 * normal(generator, *z.shape), steps=4)
    assert relative_gap(transform(theta, near), x) < 1e-12
    if relative_gap(x, z) > 1e-3:
        with pytest.raises(NumericalError, match="not found at 40 of 40 points"):
            newton_inverse(transform, theta, x, z + 1, steps=0)


@each
def test_log_prob_at_given_points(transform: Transform, generator: Generator) -> None:
    model = PushForward(Gaussian(transform.dim), transform)
    theta = random_theta(transform, generator)
    cloud = model.cloud(theta, normal(generator, 20, transform.dim))
    assert relative_gap(model.log_prob(theta, cloud.x), cloud.log_rho) < 1e-9  # as above


def test_log_prob_of_an_affine_model_is_that_of_a_gaussian(generator: Generator) -> None:
    transform = Affine(3)
    theta = random_theta(transform, generator)
    u, b = transform.split(theta)
    x = 3 * normal(generator, 20, 3)
    expected = MultivariateNormal(b, u @ u.T).log_prob(x)
    # two factorisations of a matrix with condition number below 1e3
    model = PushForward(Gaussian(3), transform)
    assert relative_gap(model.log_prob(theta, x), expected) < 1e-11


@pytest.mark.parametrize("wu", [-1 + 1e-9, -0.9, -1e-17, 0.0, 0.5, 30.0])
def test_activation_solves_its_equation_to_round_off(wu: float) -> None:
    c = torch.cat([torch.linspace(-40, 40, 4001), torch.tensor([0.0, 1e-300, -1e8])]).double()
    a = solve_activation(c, wu)
    gap = a + wu * torch.tanh(a) - c
    # rounding of a by two units, times a slope up to 1 + wu, and of the terms themselves
    assert bool((gap.abs() <= 1e-15 * (c.abs() + 2 * abs(wu))).all())


@pytest.mark.parametrize("layers", [2, 40])
def test_planar_inverse_of_a_flow_that_nearly_folds(layers: int, generator: Generator) -> None:
    transform = Planar(2, layers)
    w, _, b = transform.split(random_theta(transform, generator))
    u = -0.99 * w / (w * w).sum(1, keepdim=True)  # w·u = −0.99 in every layer
    theta = torch.cat([w.reshape(-1), u.reshape(-1), b])
    z = normal(generator, 200, 2)
    x = transform(theta, z)
    # Every layer contracts by up to 100, so z is lost to rounding, but not the residual.
    assert relative_gap(transform(theta, transform.inverse(theta, x)), x) < 1e-12


@pytest.mark.parametrize("transform", [Affine(3), Planar(3, 9), Compose(Affine(3), Planar(3, 9))])
def test_single_precision(transform: Transform, generator: Generator) -> None:
    theta = random_theta(transform, generator, torch.float32)
    x = transform(theta, normal(generator, 40, 3).float())
    back = transform.inverse(theta, x)
    assert back.dtype is torch.float32
    assert relative_gap(transform(theta, back), x) < 1e-5  # ε = 1.2e-7 times condition below 1e2


class Square(Transform):
    """x = z², which folds at 0 and has no negative values."""

    dim, n_params = 1, 1

    def init(
        self,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> torch.Tensor:
        return torch.ones(1, dtype=dtype, device=device)

    def __call__(self, theta: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return theta * z * z


def test_what_has_no_inverse_is_an_error(generator: Generator) -> None:
    square, one = Square(), torch.ones(1).double()
    x = torch.tensor([[4.0], [9.0]]).double()
    assert relative_gap(square.inverse(one, x), x.sqrt()) < 1e-12  # round-off
    with pytest.raises(NumericalError, match=r"not found at 1 of 3 points.*range of the map"):
        square.inverse(one, torch.cat([x, -x[:1]]))
    with pytest.raises(NumericalError, match="not found at 1 of 1 points"):
        square.inverse(one, torch.full_like(x[:1], torch.nan))
    planar = Planar(1, 1)
    with pytest.raises(NumericalError, match="no longer invertible"):
        planar.inverse(torch.tensor([2.0, -1.0, 0.0]).double(), x)
    affine = Affine(2)
    theta = affine.join(torch.ones(2, 2).double(), torch.zeros(2).double())
    with pytest.raises(NumericalError, match="singular; use a smaller step"):
        affine.inverse(theta, torch.zeros(1, 2).double())


@each
def test_wrong_shapes_are_named(transform: Transform, generator: Generator) -> None:
    theta = transform.init(generator)
    with pytest.raises(ValueError, match=r"x must have shape"):
        transform.inverse(theta, torch.zeros(3, transform.dim + 1).double())
