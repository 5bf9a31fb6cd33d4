"""Every transform and its Jacobian against `torch.func` and finite differences."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from cases import FAMILIES, TRANSFORMS, Family, normal, random_theta, relative_gap
from torch import Generator, Tensor

from pwgf_core import (
    Affine,
    Compose,
    Jacobian,
    NeuralODE,
    NumericalError,
    Planar,
    Residual,
    Transform,
    TwoLayerReLU,
)

ROUND_OFF = 1e-12  # a few thousand operations of relative error 1e-16, times condition below 10
each = pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)


class Point:
    """A transform at random (θ, z), with its fast Jacobian, the generic one, and directions."""

    def __init__(self, transform: Transform, generator: Generator, n: int = 11) -> None:
        d, m = transform.dim, transform.n_params
        self.theta = random_theta(transform, generator)
        self.z = 1.5 * normal(generator, n, d)
        self.fast = transform.jacobian(self.theta, self.z)
        self.slow = Jacobian(transform, self.theta, self.z)
        self.dtheta, self.dz = normal(generator, m), normal(generator, n, d)
        self.r, self.q = normal(generator, n, d), normal(generator, n)


@pytest.fixture
def point(transform: Transform, generator: Generator) -> Point:
    return Point(transform, generator)


@each
def test_map_and_log_det(transform: Transform, point: Point) -> None:
    x, logdet = transform.with_logdet(point.theta, point.z)
    by_slogdet = Transform.with_logdet(transform, point.theta, point.z)[1]  # of jacfwd
    # A neural ODE integrates the divergence: RK4's error, of order 4 (test_neural_ode.py).
    within = 1e-4 if isinstance(transform, NeuralODE) else ROUND_OFF
    assert relative_gap(point.fast.x, transform(point.theta, point.z)) < ROUND_OFF
    assert relative_gap(x, point.fast.x) < ROUND_OFF
    assert relative_gap(logdet, by_slogdet) < within
    assert relative_gap(point.fast.logdet, logdet) < ROUND_OFF


@each
def test_jvp(transform: Transform, point: Point) -> None:
    fast, slow, dtheta, dz = point.fast, point.slow, point.dtheta, point.dz
    assert relative_gap(fast.jvp(dtheta), slow.jvp(dtheta)) < ROUND_OFF
    assert relative_gap(fast.jvp(dtheta, dz), slow.jvp(dtheta, dz)) < ROUND_OFF


@each
@pytest.mark.parametrize("with_q", [False, True], ids=["x", "x and log-det"])
def test_vjp_and_pullback(transform: Transform, point: Point, with_q: bool) -> None:
    q = point.q if with_q else None
    by_theta, by_z = point.slow.pullback(point.r, q)
    assert relative_gap(point.fast.vjp(point.r, q), by_theta) < ROUND_OFF
    assert relative_gap(point.fast.pullback(point.r, q)[0], by_theta) < ROUND_OFF
    assert relative_gap(point.fast.pullback(point.r, q)[1], by_z) < ROUND_OFF


@each
def test_the_normal_product_is_pullback_after_jvp(transform: Transform, point: Point) -> None:
    fast, slow, dtheta, dz = point.fast, point.slow, point.dtheta, point.dz
    by_theta, nothing = fast.normal(dtheta)
    assert nothing is None
    # J twice: rounding of the first product is amplified by the second
    assert relative_gap(by_theta, slow.vjp(slow.jvp(dtheta))) < 10 * ROUND_OFF
    by_theta, by_z = fast.normal(dtheta, dz)
    assert by_z is not None
    expected = slow.pullback(slow.jvp(dtheta, dz))
    assert relative_gap(by_theta, expected[0]) < 10 * ROUND_OFF
    assert relative_gap(by_z, expected[1]) < 10 * ROUND_OFF


@each
def test_rows_are_the_matrix_of_jvp(transform: Transform, point: Point) -> None:
    rows = point.fast.rows()
    assert rows.shape == (*point.z.shape, transform.n_params)
    assert relative_gap(rows, point.slow.rows()) < ROUND_OFF
    assert relative_gap(rows @ point.dtheta, point.slow.jvp(point.dtheta)) < ROUND_OFF


@each
def test_score(transform: Transform, point: Point) -> None:
    # A solve with DT on both sides: its condition number, below 1e3 here, times round-off.
    assert relative_gap(point.fast.score(-point.z), point.slow.score(-point.z)) < 1e-10


@each
def test_jvp_and_vjp_are_adjoint(transform: Transform, point: Point) -> None:
    by_theta, by_z = point.fast.pullback(point.r)
    left = (point.r * point.fast.jvp(point.dtheta, point.dz)).sum()
    right = by_theta @ point.dtheta + (by_z * point.dz).sum()
    assert abs(float(left - right)) < ROUND_OFF * float(point.r.norm() * by_theta.norm())


@each
def test_jvp_and_log_det_gradient_against_differences(transform: Transform, point: Point) -> None:
    step = 1e-5  # central differences: truncation ~ step² and rounding ~ 1e-16 / step

    def difference(f: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        up = f(point.theta + step * point.dtheta, point.z + step * point.dz)
        down = f(point.theta - step * point.dtheta, point.z - step * point.dz)
        return (up - down) / (2 * step)

    assert relative_gap(point.fast.jvp(point.dtheta, point.dz), difference(transform)) < 1e-7

    zero = torch.zeros_like(point.r)
    by_theta, by_z = point.fast.pullback(zero, point.q)
    change = by_theta @ point.dtheta + (by_z * point.dz).sum()
    expected = point.q @ difference(lambda p, z: transform.with_logdet(p, z)[1])
    size = float(by_theta.norm() * point.dtheta.norm() + by_z.norm() * point.dz.norm())
    assert abs(float(change - expected)) <= 1e-7 * size


@pytest.mark.parametrize("family", FAMILIES, ids=repr)
def test_init_is_the_identity_with_a_full_tangent_space(
    family: Family, generator: Generator
) -> None:
    transform = family.transform
    theta = transform.init(generator)
    assert theta.shape == (transform.n_params,)
    z = normal(generator, 4 * transform.n_params, transform.dim)
    jacobian = transform.jacobian(theta, z)
    assert relative_gap(transform(theta, z), z) <= family.rounding
    assert relative_gap(jacobian.x, z) <= family.rounding
    assert float(jacobian.logdet.abs().max()) <= family.rounding
    values = torch.linalg.svdvals(jacobian.rows().reshape(-1, transform.n_params))
    assert int((values > 1e-12 * values[0]).sum()) == family.rank  # round-off
    assert int((values > 1e-5 * values[0]).sum()) == family.rank  # far from degenerate


@each
def test_single_precision(transform: Transform, point: Point) -> None:
    fast = transform.jacobian(point.theta.float(), point.z.float())
    r, q, dtheta = point.r.float(), point.q.float(), point.dtheta.float()
    pairs = {
        "x": (fast.x, point.slow.x),
        "log-det": (fast.logdet, point.slow.logdet),
        "jvp": (fast.jvp(dtheta), point.slow.jvp(point.dtheta)),
        "vjp": (fast.vjp(r, q), point.slow.vjp(point.r, point.q)),
        "score": (fast.score(-point.z.float()), point.slow.score(-point.z)),
    }
    for name, (single, double) in pairs.items():
        assert single.dtype is torch.float32, name
        # ε = 1.2e-7 from the rounding of θ and z alone, times condition numbers up to 1e3
        assert relative_gap(single.double(), double) < 1e-4, name


@each
def test_results_are_not_overwritten_by_later_calls(
    transform: Transform, point: Point, generator: Generator
) -> None:
    def results(jacobian: Jacobian, p: Point) -> list[Tensor]:
        return [
            jacobian.x,
            jacobian.logdet,
            jacobian.jvp(p.dtheta),
            jacobian.vjp(p.r),
            *jacobian.pullback(p.r, p.q),
            jacobian.rows(),
            jacobian.score(-p.z),
        ]

    inputs = copy.deepcopy([point.theta, point.z, point.dtheta, point.dz, point.r, point.q])
    first = results(point.fast, point)
    kept = [a.clone() for a in first]
    other = Point(transform, generator)
    results(other.fast, other)  # another Jacobian
    point.fast.jvp(other.dtheta, other.dz)  # and other products of the same one
    point.fast.pullback(other.r, other.q)
    point.fast.score(other.z)
    again = results(point.fast, point)
    for before, after, repeated in zip(kept, first, again, strict=True):
        assert torch.equal(before, after)
        assert torch.equal(before, repeated)
    now = [point.theta, point.z, point.dtheta, point.dz, point.r, point.q]
    assert all(torch.equal(a, b) for a, b in zip(inputs, now, strict=True))


@each
def test_strided_arguments_change_nothing(transform: Transform, point: Point) -> None:
    def strided(a: Tensor) -> Tensor:
        return torch.stack([a, a], -1)[..., 0]

    jacobian = transform.jacobian(strided(point.theta), strided(point.z))
    r, q, dtheta = strided(point.r), strided(point.q), strided(point.dtheta)
    assert relative_gap(jacobian.vjp(r, q), point.fast.vjp(point.r, point.q)) < ROUND_OFF
    assert relative_gap(jacobian.jvp(dtheta), point.fast.jvp(point.dtheta)) < ROUND_OFF


@each
def test_one_sample_alone_is_the_same(transform: Transform, point: Point) -> None:
    alone = transform.jacobian(point.theta, point.z[:1])
    assert relative_gap(alone.jvp(point.dtheta), point.fast.jvp(point.dtheta)[:1]) < ROUND_OFF
    assert relative_gap(alone.logdet, point.fast.logdet[:1]) < ROUND_OFF


@each
def test_wrong_arguments_are_named(transform: Transform, point: Point) -> None:
    with pytest.raises(ValueError, match=r"theta must have shape"):
        transform.jacobian(point.theta[:-1], point.z)
    with pytest.raises(ValueError, match=r"z must have shape \(any, "):
        transform.jacobian(point.theta, torch.cat([point.z, point.z], 1))
    with pytest.raises(ValueError, match=r"z must have shape \(any, "):
        transform.jacobian(point.theta, point.z[0])
    with pytest.raises(ValueError, match=r"theta and z must agree in dtype.*float32"):
        transform.jacobian(point.theta.float(), point.z)


def test_compose_is_the_composition(generator: Generator) -> None:
    outer, inner = Affine(2), Planar(2, 3)
    both = Compose(outer, inner)
    p, q = random_theta(outer, generator), random_theta(inner, generator)
    z = normal(generator, 5, 2)
    assert torch.equal(both(torch.cat([p, q]), z), outer(p, inner(q, z)))


@pytest.mark.parametrize("kind", ["full", "triangular", "diagonal", "translation"])
def test_affine_matrix_has_the_stated_pattern(kind: str, generator: Generator) -> None:
    transform = Affine(3, kind)
    theta = normal(generator, transform.n_params)
    u, b = transform.split(theta)
    free = {
        "full": torch.ones(3, 3),
        "triangular": torch.ones(3, 3).tril(),
        "diagonal": torch.eye(3),
        "translation": torch.zeros(3, 3),
    }[kind].bool()
    assert torch.equal(u[~free], torch.eye(3).double()[~free])
    assert torch.equal(transform.join(u, b), theta)
    assert transform.n_params == int(free.sum()) + 3


def test_singular_affine_map_gives_advice() -> None:
    transform = Affine(2)
    theta = transform.join(torch.ones(2, 2), torch.zeros(2))
    with pytest.raises(NumericalError, match="singular; use a smaller step"):
        transform.jacobian(theta, torch.zeros(1, 2)).score(torch.zeros(1, 2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Affine(0), "dim must be an integer of at least 1, got 0"),
        (lambda: Affine(2, "upper"), "kind must be one of .*, got 'upper'"),
        (lambda: Planar(2, 0), "layers must be an integer of at least 1, got 0"),
        (lambda: Planar(2, 3, scale=0.0), "scale must be a finite number above 0, got 0.0"),
        (lambda: Planar(2, 3, frame=torch.eye(3)), r"frame must have shape \(2, 2\)"),
        (Compose, "at least one transform"),
        (lambda: Residual(2, 0), "width must be an integer of at least 1, got 0"),
        (lambda: Residual(2, 3, "gelu"), "activation must be one of relu, tanh, got 'gelu'"),
        (lambda: Residual(2, 3, scale=-1.0), "scale must be a finite number above 0, got -1.0"),
        (lambda: NeuralODE(2, 3, steps=0), "steps must be an integer of at least 1, got 0"),
        (lambda: NeuralODE(2, 3, scale=0.0), "scale must be a finite number above 0, got 0.0"),
        (lambda: TwoLayerReLU(0), "width must be an integer of at least 1, got 0"),
        (lambda: TwoLayerReLU(2, spread=0.0), "spread must be a finite number above 0, got 0.0"),
        (lambda: Compose(Affine(2), Affine(3)), r"one dimension, got \[2, 3\]"),
    ],
)
def test_wrong_settings_are_named(make: Callable[[], Transform], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
