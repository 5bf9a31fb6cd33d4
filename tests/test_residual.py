"""Residual maps and two-layer ReLU maps: closed forms, folding, the solution they start from."""

from __future__ import annotations

import pytest
import torch
from cases import normal, random_theta, relative_gap
from torch import Generator

from pwgf_core import Gaussian, Jacobian, NumericalError, PushForward, Residual, TwoLayerReLU


@pytest.mark.parametrize("seed", range(40))
def test_products_agree_with_torch_func(seed: int) -> None:
    generator = Generator().manual_seed(seed)
    d, k, n = (int(torch.randint(1, top, (1,), generator=generator)) for top in (7, 20, 30))
    transform = Residual(d, k, ("tanh", "relu")[seed % 2], scale=1.0)
    theta, z = random_theta(transform, generator), normal(generator, n, d)
    dtheta, dz, r = normal(generator, len(theta)), normal(generator, n, d), normal(generator, n, d)
    q = normal(generator, n)
    fast, slow = transform.jacobian(theta, z), Jacobian(transform, theta, z)
    by_theta, by_z = slow.pullback(r, q)
    pairs = {
        "x": (fast.x, slow.x),
        "log-det": (fast.logdet, slow.logdet),
        "jvp": (fast.jvp(dtheta, dz), slow.jvp(dtheta, dz)),
        "vjp": (fast.vjp(r), slow.vjp(r)),
        "vjp with log-det": (fast.vjp(r, q), by_theta),
        "pullback to z": (fast.pullback(r, q)[1], by_z),
        "rows": (fast.rows(), slow.rows()),
        "score": (fast.score(-z), slow.score(-z)),
    }
    # A has Gaussian noise and may be close to singular: condition below 1e3 times round-off
    gaps = {name: relative_gap(a, b) for name, (a, b) in pairs.items()}
    assert max(gaps.values()) < 1e-10, gaps


def test_kinks_and_steep_parts_lie_where_the_samples_are(generator: Generator) -> None:
    transform = Residual(3, 4000, scale=2.0)
    a, c, u, w, b = transform.split(transform.init(generator))
    assert torch.equal(a, torch.eye(3).double())
    assert not bool(c.any() or u.any())
    assert abs(float(w.std()) - 2.0) < 5 * 2.0 / (2 * 12000) ** 0.5  # five standard deviations
    # The distance of the plane w·z + b = 0 from the origin is |N(0, 1)|, of mean √(2/π).
    distance = b.abs() / w.norm(dim=1)
    assert abs(float(distance.mean()) - 0.797885) < 5 * 0.603 / 4000**0.5


@pytest.mark.parametrize("transform", [Residual(1, 2), TwoLayerReLU(2)], ids=repr)
def test_a_fold_is_an_error_with_advice(
    transform: Residual | TwoLayerReLU, generator: Generator
) -> None:
    if isinstance(transform, Residual):
        theta = torch.tensor([1.0, 0, -1, -1, 2, 2, 0, 0]).double()  # z − 2 tanh(2z)
    else:
        theta = torch.tensor([2.0, -1, -1, 1, 1, 1, 0, 0]).double()
    z = torch.linspace(-3, 3, 50).double()[:, None]
    jacobian = transform.jacobian(theta, z)
    for result in (lambda: jacobian.logdet, lambda: jacobian.score(-z)):
        with pytest.raises(NumericalError, match=r"folds.*use a smaller step h"):
            result()


def test_relu_map_is_the_interpolant_of_its_values(generator: Generator) -> None:
    transform = TwoLayerReLU(6)
    theta = random_theta(transform, generator)
    _, b, _, b2 = transform.split(theta)
    knots = torch.cat([b, b2, torch.tensor([-9.0, 9.0]).double()]).sort().values
    values = transform(theta, knots[:, None])[:, 0]
    z = torch.linspace(-8.9, 8.9, 1001).double()
    i = torch.searchsorted(knots, z).clamp(1, len(knots) - 1)
    s = (z - knots[i - 1]) / (knots[i] - knots[i - 1])
    expected = values[i - 1] + s * (values[i] - values[i - 1])
    assert relative_gap(transform(theta, z[:, None])[:, 0], expected) < 1e-13  # round-off


def test_relu_density_has_total_mass_one_though_it_jumps(generator: Generator) -> None:
    transform = TwoLayerReLU(4)
    theta = random_theta(transform, generator)
    model = PushForward(Gaussian(1), transform)
    x = torch.linspace(-60, 60, 400001).double()[:, None]
    density = model.log_prob(theta, x).exp()
    # The trapezoidal rule: an error of half a spacing 3e-4 times the height at each jump.
    assert abs(float(torch.trapezoid(density, x[:, 0])) - 1) < 1e-3
