"""Neural ODEs: the flow of a linear field, the order of RK4, divergence and log-determinant."""

from __future__ import annotations

import pytest
import torch
from cases import normal, random_theta, relative_gap
from torch import Generator, Tensor
from torch.func import jvp, vjp, vmap

from pwgf_core import NeuralODE, Transform, convergence_order

STEPS = [4, 8, 16, 32]


def moved(transform: NeuralODE) -> Tensor:
    generator = Generator().manual_seed(4)
    theta = transform.init(generator)
    return theta + 0.5 * normal(generator, len(theta))


@pytest.mark.parametrize("dim", [1, 3])
def test_a_linear_field_has_the_matrix_exponential_as_its_flow(
    dim: int, generator: Generator
) -> None:
    transform = NeuralODE(dim, 2, steps=64)
    theta = transform.init(generator)
    matrix = 0.5 * normal(generator, dim, dim)
    theta[: dim * dim] = matrix.reshape(-1)
    z = normal(generator, 10, dim)
    x, logdet = transform.with_logdet(theta, z)
    assert relative_gap(x, z @ torch.linalg.matrix_exp(matrix).T) < 1e-8  # |B|⁵ / (120 · 64⁴)
    assert relative_gap(logdet, matrix.trace().expand(10)) < 1e-13  # a constant: round-off


def test_divergence_is_the_trace_of_the_derivative(generator: Generator) -> None:
    transform = NeuralODE(3, 5)
    theta, x = moved(transform), normal(generator, 10, 3)
    d_f = vmap(torch.func.jacrev(lambda p: transform.field(theta, p[None], 0.3)[0][0]))(x)
    trace = d_f.diagonal(dim1=1, dim2=2).sum(1)
    assert relative_gap(transform.field(theta, x, 0.3)[1], trace) < 1e-14  # round-off


def test_order_four_of_the_map_and_of_the_log_determinant(generator: Generator) -> None:
    z = normal(generator, 30, 2)
    theta = moved(NeuralODE(2, 8))
    exact, exact_logdet = NeuralODE(2, 8, steps=400).with_logdet(theta, z)
    errors, gaps = [], []
    for steps in STEPS:
        transform = NeuralODE(2, 8, steps)
        x, logdet = transform.with_logdet(theta, z)
        errors.append(relative_gap(x, exact) + relative_gap(logdet, exact_logdet))
        gaps.append(relative_gap(logdet, Transform.with_logdet(transform, theta, z)[1]))
    h = [1 / n for n in STEPS]
    assert convergence_order(h, errors) == pytest.approx(4, abs=0.25)  # higher terms at h = 1/4
    assert convergence_order(h, gaps) == pytest.approx(4, abs=0.5)  # the same, from both sides


def test_backwards_integration_is_the_inverse_up_to_order_five(generator: Generator) -> None:
    z = normal(generator, 30, 2)
    theta = moved(NeuralODE(2, 8))
    errors = []
    for steps in STEPS:
        transform = NeuralODE(2, 8, steps)
        x, logdet = transform.with_logdet(theta, z)
        back, minus = transform.integrate(theta, x, backwards=True)
        errors.append(relative_gap(back, z) + relative_gap(-minus, logdet))
        assert relative_gap(transform.inverse(theta, x), z) < 1e-10  # polished to round-off
    # One order more than RK4: the leading errors of a step and of the step back, C h⁵, cancel.
    assert convergence_order([1 / n for n in STEPS], errors) == pytest.approx(5, abs=0.3)


def test_torch_func_reaches_through(generator: Generator) -> None:
    transform = NeuralODE(2, 4, steps=3)
    theta, z = moved(transform), normal(generator, 5, 2)
    dtheta, r = normal(generator, 3, len(theta)), normal(generator, 3, 5, 2)

    def along(direction: Tensor) -> Tensor:
        return jvp(lambda p: transform(p, z), (theta,), (direction,))[1]

    back = vjp(lambda p: transform(p, z), theta)[1]
    rows = transform.jacobian(theta, z).rows()
    # round-off
    assert relative_gap(vmap(along)(dtheta), torch.einsum("nim,km->kni", rows, dtheta)) < 1e-13
    assert relative_gap(vmap(back)(r)[0], torch.einsum("nim,kni->km", rows, r)) < 1e-13


def test_products_are_the_same_with_and_without_the_kept_matrix(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    transform = NeuralODE(2, 5)
    theta = random_theta(transform, generator)
    z, r, v = normal(generator, 30, 2), normal(generator, 30, 2), normal(generator, len(theta))
    kept = transform.jacobian(theta, z)
    graph = kept.vjp(r)  # before the first product with J: from the graph
    dx = kept.jvp(v)
    monkeypatch.setattr("pwgf_core.transforms.base.DENSE", 30 * 2 * len(theta) - 1)
    fresh = transform.jacobian(theta, z)
    # rounding of sums of 30 numbers
    assert relative_gap(dx, fresh.jvp(v)) < 1e-12
    assert relative_gap(kept.vjp(r), fresh.vjp(r)) < 1e-12
    assert relative_gap(kept.vjp(r), graph) < 1e-12
    rows = torch.cat([rows for _, rows in kept.row_blocks()])
    assert relative_gap(rows, fresh.rows()) < 1e-12
