"""The relaxed metric: products, the matrix itself, and the identity for affine maps."""

from __future__ import annotations

import pytest
import torch
from cases import TRANSFORMS, normal, random_theta, relative_gap
from torch import Generator

from pwgf_core import Affine, Gaussian, Jacobian, RelaxedMetric, Transform
from pwgf_core.metrics import largest_eigenvalue
from pwgf_core.transforms.affine import KINDS

each = pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)


@pytest.fixture
def metric(transform: Transform, generator: Generator) -> RelaxedMetric:
    theta = random_theta(transform, generator)
    return RelaxedMetric(transform.jacobian(theta, normal(generator, 13, transform.dim)))


@each
def test_dense_is_the_average_of_the_gram_matrices(
    transform: Transform, metric: RelaxedMetric
) -> None:
    j = metric.jacobian
    rows = Jacobian(transform, j.theta, j.z).rows()  # by torch.func
    expected = torch.stack([r.T @ r for r in rows]).mean(0)
    assert relative_gap(metric.dense(), expected) < 1e-12  # round-off


@each
@pytest.mark.parametrize("numbers", [1, 200])
def test_blocks_of_samples_change_nothing(
    transform: Transform, metric: RelaxedMetric, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    j = metric.jacobian
    ((everything, rows),) = j.row_blocks()
    whole = metric.dense()
    monkeypatch.setattr("pwgf_core.transforms.base.BLOCK", numbers)
    parts, blocks = zip(*j.row_blocks(), strict=True)
    assert everything == slice(0, j.n)
    assert torch.equal(torch.cat([torch.arange(j.n)[part] for part in parts]), torch.arange(j.n))
    assert relative_gap(torch.cat(blocks), rows) < 1e-12  # a block solves its own recurrences
    assert all(b.numel() <= max(numbers, transform.dim * transform.n_params) for b in blocks)
    assert relative_gap(metric.dense(), whole) < 1e-12  # round-off


@each
def test_products_are_those_of_the_matrix(
    transform: Transform, metric: RelaxedMetric, generator: Generator
) -> None:
    v = normal(generator, transform.n_params)
    assert relative_gap(metric.matvec(v), metric.dense() @ v) < 1e-12  # round-off


@each
def test_dense_is_symmetric_positive_semi_definite(
    transform: Transform, metric: RelaxedMetric
) -> None:
    matrix = metric.dense()
    assert metric.size == transform.n_params == len(matrix)
    assert relative_gap(matrix, matrix.T) < 1e-15  # up to the order of summation
    values = torch.linalg.eigvalsh(matrix)
    assert float(values[0]) > -1e-13 * float(values[-1])  # round-off


@each
def test_right_hand_side_is_the_average_of_pulled_back_vectors(
    transform: Transform, metric: RelaxedMetric, generator: Generator
) -> None:
    v = normal(generator, 13, transform.dim)
    expected = torch.einsum("nim,ni->m", metric.jacobian.rows(), v) / 13
    assert relative_gap(metric.right_hand_side(v), expected) < 1e-12  # round-off


@each
def test_shifts_add_up(transform: Transform, metric: RelaxedMetric, generator: Generator) -> None:
    v = normal(generator, transform.n_params)
    shifted = metric.shifted(0.25).shifted(0.5)
    eye = torch.eye(transform.n_params).double()
    assert relative_gap(shifted.dense(), metric.dense() + 0.75 * eye) < 1e-13  # round-off
    assert relative_gap(shifted.matvec(v), metric.matvec(v) + 0.75 * v) < 1e-13
    assert metric.shift == 0.0


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_affine_metric_is_the_identity_at_every_theta(
    kind: str, dim: int, generator: Generator
) -> None:
    transform = Affine(dim, kind)
    z = Gaussian(dim).draw(64, generator, sampling="matched")
    metric = RelaxedMetric(transform.jacobian(normal(generator, transform.n_params), z))
    eye = torch.eye(transform.n_params).double()
    assert float((metric.dense() - eye).abs().max()) < 1e-13  # matched to round-off
    v = normal(generator, transform.n_params)
    assert relative_gap(metric.matvec(v), v) < 1e-13


def test_a_vector_of_the_wrong_length_is_named(generator: Generator) -> None:
    transform = Affine(2)
    metric = RelaxedMetric(transform.jacobian(transform.init(generator), normal(generator, 3, 2)))
    with pytest.raises(ValueError, match=r"v must have shape \(6\), got \(5,\)"):
        metric.matvec(torch.zeros(5).double())


def test_power_iteration_bounds_the_largest_eigenvalue_from_below(generator: Generator) -> None:
    for _ in range(20):
        factor = normal(generator, 12, 12)
        matrix = factor @ factor.T
        largest = float(torch.linalg.eigvalsh(matrix)[-1])
        start = normal(generator, 12)
        few = largest_eigenvalue(lambda v, a=matrix: a @ v, start)
        many = largest_eigenvalue(lambda v, a=matrix: a @ v, start, steps=2000)
        assert few <= many * (1 + 1e-12)  # monotone, to round-off
        assert few > 0.5 * largest
        assert many == pytest.approx(largest, rel=1e-6)
    assert largest_eigenvalue(lambda v: 0 * v, torch.ones(3)) == 0.0
    assert largest_eigenvalue(lambda v: v, torch.zeros(3)) == 0.0
