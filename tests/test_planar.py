"""The matrix form of the planar flow: 100 random flows against `torch.func`, and invertibility."""

from __future__ import annotations

import pytest
import torch
from cases import invertible, normal, random_theta, relative_gap
from torch import Generator, Tensor

from pwgf_core import Jacobian, NumericalError, Planar
from pwgf_core.transforms.recurrence import BLOCK, Recurrence


@pytest.mark.parametrize("seed", range(100))
def test_products_agree_with_torch_func(seed: int) -> None:
    generator = Generator().manual_seed(seed)

    def integer(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (1,), generator=generator))

    d, k, n = integer(1, 12), integer(1, 30), integer(1, 40)
    transform = Planar(d, k)
    # w and u of the size that a flow has after a run, with w·u down to −0.9.
    w, u, b = (normal(generator, *shape) for shape in ((k, d), (k, d), (k,)))
    w, u = w / d**0.5, 0.5 * u / d**0.5
    theta = torch.cat([w.reshape(-1), invertible(w, u).reshape(-1), b])
    z, dz, r = (normal(generator, n, d) for _ in range(3))
    q, dtheta = normal(generator, n), normal(generator, len(theta))
    fast, slow = transform.jacobian(theta, z), Jacobian(transform, theta, z)
    by_theta, by_z = slow.pullback(r, q)
    pairs = {
        "x": (fast.x, slow.x),
        "log-det": (fast.logdet, slow.logdet),
        "jvp": (fast.jvp(dtheta, dz), slow.jvp(dtheta, dz)),
        "vjp": (fast.vjp(r), slow.vjp(r)),
        "vjp with log-det": (fast.vjp(r, q), by_theta),
        "pullback to z": (fast.pullback(r, q)[1], by_z),
        "score": (fast.score(-z), slow.score(-z)),
    }
    gaps = {name: relative_gap(a, b) for name, (a, b) in pairs.items()}
    assert max(gaps.values()) < 1e-10, gaps


@pytest.mark.parametrize("rows", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 2])
@pytest.mark.parametrize("reverse", [False, True], ids=["down", "up"])
def test_recurrence_is_a_triangular_solve(rows: int, reverse: bool, generator: Generator) -> None:
    n = 5
    lower = torch.tril(normal(generator, rows, rows), -1)
    scale, c = normal(generator, rows, n), normal(generator, rows, n)
    recurrence = Recurrence(lower, scale, reverse)
    for repeat in (1.0, -2.0):  # the buffer may be filled again
        recurrence.work.copy_(repeat * c)
        y = recurrence.solve()
        for i in range(n):  # y = s ⊙ (c + L y), one sample at a time
            matrix = lower.T if reverse else lower
            system = torch.eye(rows).double() - scale[:, i, None] * matrix
            expected = torch.linalg.solve(system, scale[:, i] * repeat * c[:, i])
            # products of up to `rows` random factors: cancellation of a few digits
            assert relative_gap(y[:, i], expected) < 1e-10


def one_layer(wu: float) -> tuple[Planar, Tensor]:
    """x + tanh(2x) u in one dimension, with w u as given."""
    return Planar(1, 1), torch.tensor([2.0, wu / 2.0, 0.0]).double()


@pytest.mark.parametrize("wu", [-0.999, -0.5, 0.0, 3.0])
def test_above_minus_one_the_layer_is_increasing(wu: float) -> None:
    transform, theta = one_layer(wu)
    z = torch.linspace(-3, 3, 2001).double()[:, None]
    jacobian = transform.jacobian(theta, z)
    assert bool((jacobian.x.diff(dim=0) > 0).all())
    assert torch.equal(jacobian.logdet, jacobian.det.log()[0])


@pytest.mark.parametrize("wu", [-1.0, -1.001, -4.0, float("nan")])
def test_from_minus_one_on_the_jacobian_refuses_with_advice(wu: float) -> None:
    transform, theta = one_layer(wu)
    with pytest.raises(NumericalError, match=r"no longer invertible.*use a smaller step h"):
        transform.jacobian(theta, torch.zeros(1, 1).double())


def test_one_layer_in_closed_form() -> None:
    transform, theta = one_layer(1.0)
    z = torch.linspace(-2, 2, 9).double()[:, None]
    jacobian = transform.jacobian(theta, z)
    t = torch.tanh(2 * z)
    det = 2 - t**2  # 1 + (1 − t²) w u
    slope = -4 * t * (1 - t**2)  # its derivative, dt/dz = 2 (1 − t²)
    assert relative_gap(jacobian.x, z + 0.5 * t) < 1e-15  # a handful of operations
    assert relative_gap(jacobian.logdet, det.log()[:, 0]) < 1e-15
    assert relative_gap(jacobian.score(-z), (-z - slope / det) / det) < 1e-14


def test_frames_are_stacked_with_spread_biases(generator: Generator) -> None:
    frame = torch.linalg.qr(normal(generator, 3, 3)).Q
    transform = Planar(3, 7, scale=0.5, spread=2.0, frame=frame)
    w, u, b = transform.split(transform.init(generator))
    assert torch.equal(w, 0.5 * torch.cat([frame, frame, frame[:1]]))
    assert not bool(u.any())
    assert b.tolist() == [-2.0] * 3 + [0.0] * 3 + [2.0]


def test_a_frame_is_drawn_where_none_is_given() -> None:
    transform = Planar(4, 4)
    first, same, other = (
        transform.split(transform.init(Generator().manual_seed(seed)))[0] for seed in (1, 1, 2)
    )
    assert relative_gap(first @ first.T, torch.eye(4).double()) < 1e-14  # QR to round-off
    assert torch.equal(first, same)
    assert relative_gap(first, other) > 0.1


def test_score_is_the_gradient_of_the_log_density_along_a_flow_that_nearly_folds() -> None:
    generator = Generator().manual_seed(3)
    transform = Planar(2, 5)
    theta = random_theta(transform, generator)
    w, u, b = transform.split(theta)
    u = u - ((w * u).sum(1, keepdim=True) + 0.999) * w / (w * w).sum(1, keepdim=True)
    theta = torch.cat([w.reshape(-1), u.reshape(-1), b])  # every w·u is −0.999
    z = 2 * normal(generator, 20, 2)
    fast, slow = transform.jacobian(theta, z), Jacobian(transform, theta, z)
    # condition up to (1 / 0.001)^5 for points on every fold, far less for random ones
    assert relative_gap(fast.score(-z), slow.score(-z)) < 1e-8
