"""The true metric by projection on gradients: Bures' metric, the order Ĝ ≥ G, convergence."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from cases import TRANSFORMS, normal, random_theta, relative_gap
from torch import Generator, Tensor

from pwgf_core import (
    Affine,
    Gaussian,
    GradientFields,
    Jacobian,
    Planar,
    Relaxed,
    RelaxedMetric,
    Transform,
    Wasserstein,
    WassersteinMetric,
)
from pwgf_core.gradient_fields import KINDS
from pwgf_core.metrics import CurvedMetric, positive_part


def matched(dim: int, n: int, generator: Generator) -> Tensor:
    return Gaussian(dim).draw(n, generator, sampling="matched")


def affine_jacobian(dim: int, kind: str, generator: Generator, n: int = 256) -> Jacobian:
    """J of a random affine map on a sample with the moments of N(0, I)."""
    transform = Affine(dim, kind)
    theta = transform.init(generator) + 0.3 / dim**0.5 * normal(generator, transform.n_params)
    return transform.jacobian(theta, matched(dim, n, generator))


def planar_jacobian(dim: int, width: int, generator: Generator, n: int = 500) -> Jacobian:
    transform = Planar(dim, width, spread=2.0)
    theta = random_theta(transform, generator)
    return transform.jacobian(theta, Gaussian(dim).draw(n, generator, sampling="sobol"))


def polynomial_metric(jacobian: Jacobian) -> WassersteinMetric:
    """G on quadratic potentials alone."""
    return WassersteinMetric(jacobian, fields=GradientFields(jacobian.x, features=0))


def bures_metric(transform: Affine, theta: Tensor) -> Tensor:
    """tr Q S Q′ + db·db′ with the symmetric Q of QS + SQ = dA Aᵀ + A dAᵀ, shape (m, m).

    Source: R. Bhatia, T. Jain, Y. Lim, On the Bures–Wasserstein distance between positive definite
    matrices, Expositiones Mathematicae 37, 2019.
    """
    a, _ = transform.split(theta)
    s = a @ a.T
    values, vectors = torch.linalg.eigh(s)
    tangents = [transform._split(e) for e in torch.eye(transform.n_params).double()]
    shifts = torch.stack([db for _, db in tangents])
    potentials = []
    for da, _ in tangents:
        ds = vectors.T @ (da @ a.T + a @ da.T) @ vectors
        potentials.append(vectors @ (ds / (values[:, None] + values)) @ vectors.T)
    q = torch.stack(potentials)
    return torch.einsum("aij,jk,bki->ab", q, s, q) + shifts @ shifts.T


@pytest.mark.parametrize("kind", ["full", "triangular", "diagonal", "translation"])
@pytest.mark.parametrize("dim", [1, 2, 5, 10])
def test_affine_metric_is_that_of_bures(dim: int, kind: str, generator: Generator) -> None:
    j = affine_jacobian(dim, kind, generator)
    assert isinstance(j.transform, Affine)
    # Quadratic potentials hold the solution, and the sample has exact second moments: rounding,
    # times the condition of the covariance.
    gap = relative_gap(polynomial_metric(j).dense(), bures_metric(j.transform, j.theta))
    assert gap < 1e-12


@pytest.mark.parametrize("kind", ["full", "triangular"])
@pytest.mark.parametrize("dim", [2, 5])
def test_rank_is_the_dimension_of_the_gaussians(dim: int, kind: str, generator: Generator) -> None:
    matrix = polynomial_metric(affine_jacobian(dim, kind, generator)).dense()
    values = torch.linalg.eigvalsh(matrix)
    rank = dim * (dim + 1) // 2 + dim  # a covariance and a mean
    assert int((values > 1e-10 * values[-1]).sum()) == rank
    kernel = values[:-rank]
    if kind == "triangular":  # one matrix for each covariance: nothing left over
        assert len(kernel) == 0
        assert float(values[0]) > 1e-3 * float(values[-1])
    else:
        assert float(kernel.abs().max()) < 1e-14  # rounding, of squares of fields


@pytest.mark.parametrize("dim", [2, 5])
def test_kernel_is_the_motion_that_leaves_the_gaussian(dim: int, generator: Generator) -> None:
    j = affine_jacobian(dim, "full", generator)
    assert isinstance(j.transform, Affine)
    a, _ = j.transform.split(j.theta)
    metric = polynomial_metric(j)
    for _ in range(5):
        k = normal(generator, dim, dim)
        still = torch.linalg.solve(a @ a.T, (k - k.T).T).T @ a  # dA = K S⁻¹ A, so dS = K + Kᵀ = 0
        v = j.transform.join(still, torch.zeros(dim).double())
        assert float(metric.matvec(v).norm() / v.norm()) < 1e-13  # rounding
        assert float(RelaxedMetric(j).matvec(v).norm() / v.norm()) > 0.99  # Ĝ = I sees it


def order(j: Jacobian, fields: GradientFields) -> float:
    """The smallest eigenvalue of Ĝ − G, relative to the largest of Ĝ."""
    relaxed = RelaxedMetric(j).dense()
    gap = relaxed - WassersteinMetric(j, fields=fields).dense()
    return float(torch.linalg.eigvalsh(gap)[0] / torch.linalg.eigvalsh(relaxed)[-1])


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_true_metric_is_never_above_the_relaxed_one(
    transform: Transform, generator: Generator
) -> None:
    z = normal(generator, 200, transform.dim)
    j = transform.jacobian(random_theta(transform, generator), z)
    v = normal(generator, 200, transform.dim)
    for kind, features, extra in product(KINDS, (0, 7, 60), (None, v)):
        fields = GradientFields(j.x, features, kind, extra=extra)
        assert order(j, fields) > -1e-12  # a projection shortens every field, on any sample


@pytest.mark.parametrize("degree", [1, 2, 3, 8, 15])
def test_order_holds_for_every_degree(degree: int, generator: Generator) -> None:
    j = planar_jacobian(1, 6, generator)
    for kind, features in product(KINDS, (0, 30)):
        assert order(j, GradientFields(j.x, features, kind, degree)) > -1e-12  # rounding
    two = planar_jacobian(2, 6, generator)
    if degree <= 2:
        assert order(two, GradientFields(two.x, 30, degree=degree)) > -1e-12


@pytest.mark.parametrize("floor", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_products_are_those_of_the_matrix(kind: str, floor: float, generator: Generator) -> None:
    j = planar_jacobian(3, 5, generator)
    fields = GradientFields(j.x, 20, kind)
    metric = WassersteinMetric(j, fields=fields, floor=floor, shift=0.25)
    matrix, v = metric.dense(), normal(generator, j.transform.n_params)
    assert relative_gap(metric.matvec(v), matrix @ v) < 1e-12  # rounding
    assert relative_gap(matrix, matrix.T) == 0.0
    assert float(torch.linalg.eigvalsh(matrix)[0]) > 0.25 - 1e-12 * float(matrix.norm())


def test_dense_is_the_gram_matrix_of_the_projected_columns(generator: Generator) -> None:
    j = planar_jacobian(2, 4, generator)
    metric = WassersteinMetric(j, fields=GradientFields(j.x, 10))
    moved = metric.fields.project(j.rows()).reshape(-1, metric.size)
    assert relative_gap(metric.dense(), moved.T @ moved / j.n) < 1e-12  # P is idempotent


def test_floor_interpolates_between_the_metrics(generator: Generator) -> None:
    j = planar_jacobian(2, 6, generator)
    fields = GradientFields(j.x, 20)
    true, relaxed = WassersteinMetric(j, fields=fields).dense(), RelaxedMetric(j).dense()
    for floor in (0.0, 0.1, 0.5, 1.0):
        matrix = WassersteinMetric(j, fields=fields, floor=floor).dense()
        assert relative_gap(matrix, (1 - floor) * true + floor * relaxed) < 1e-13  # rounding


# degree 2 and 50 features; the tolerance is that of the best fit of tanh ridges by this kind.
@pytest.mark.parametrize(("kind", "tolerance"), [("fourier", 1e-3), ("tanh", 1e-7)])
def test_metrics_agree_in_one_dimension(kind: str, tolerance: float, generator: Generator) -> None:
    j = planar_jacobian(1, 10, generator, 4096)
    relaxed = RelaxedMetric(j).dense()
    true = WassersteinMetric(j, fields=GradientFields(j.x, 50, kind)).dense()
    assert relative_gap(true, relaxed) < tolerance  # every field on a line is a gradient


@pytest.mark.slow
def test_planar_metric_converges_in_two_dimensions(generator: Generator) -> None:
    j = planar_jacobian(2, 20, generator, 8192)
    relaxed = RelaxedMetric(j).dense()

    def metric(features: int, kind: str, seed: int) -> Tensor:
        return WassersteinMetric(j, fields=GradientFields(j.x, features, kind, seed=seed)).dense()

    reference = metric(800, "fourier", 0)
    assert relative_gap(reference, relaxed) > 0.1  # far from Ĝ: the projection matters
    assert relative_gap(metric(800, "fourier", 1), reference) < 1e-3  # converged: seen 2e-4
    for kind in KINDS:
        errors = [relative_gap(metric(m, kind, 2), reference) for m in (25, 200)]
        assert errors[1] < 5e-3  # seen 1.6e-3 and 1.2e-3
        assert errors[1] < 0.5 * errors[0]
    # 800 tanh ridges are a twentieth of the n d numbers and all independent: they fit noise
    assert relative_gap(metric(800, "tanh", 1), reference) < 1e-2  # seen 6.7e-3


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_projection_is_an_orthogonal_one(kind: str, dim: int, generator: Generator) -> None:
    n, features = 300, 12
    fields = GradientFields(2 * normal(generator, n, dim) + 1, features, kind)
    u, v = normal(generator, n, dim), normal(generator, n, dim, 4)
    pu, pv = fields.project(u), fields.project(v)
    assert relative_gap(fields.project(pu), pu) < 1e-12  # rounding, here and below
    assert relative_gap(fields.project(v[:, :, 2]), pv[:, :, 2]) < 1e-12
    w = v[:, :, 0]
    assert abs(float((pu * w).sum() - (u * pv[:, :, 0]).sum())) < 1e-12 * float(u.norm() * w.norm())
    # |u|² = |Pu|² + |u − Pu|²
    assert float(pu.square().sum() + (u - pu).square().sum()) == pytest.approx(
        float(u.square().sum()), rel=1e-12
    )
    assert float(pu.norm()) < 0.7 * float(u.norm())  # noise is hardly in so few directions
    # The basis spans the given fields.
    columns = fields.gradients
    assert relative_gap(fields.basis @ (fields.basis.T @ columns), columns) < 1e-8  # CUTOFF


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_gradients_of_quadratics_are_kept(dim: int, generator: Generator) -> None:
    x = normal(generator, 200, dim) @ normal(generator, dim, dim) + 3
    q = normal(generator, dim, dim)
    field = x @ (q + q.T) + normal(generator, dim)
    for features, kind in product((0, 20), KINDS):
        kept = GradientFields(x, features, kind).project(field)
        assert relative_gap(kept, field) < 1e-11  # rounding, times the condition of x
    only_shifts = GradientFields(x, 0, degree=1)
    mean = field.mean(0).expand_as(field)
    assert relative_gap(only_shifts.project(field), mean) < 1e-12


def test_gradients_are_kept_and_rotations_are_not(generator: Generator) -> None:
    x = matched(2, 4096, generator)
    gradient = torch.stack([torch.cos(x[:, 0]) * x[:, 1], torch.sin(x[:, 0]) + x[:, 1]], 1)
    rotation = torch.stack([-x[:, 1], x[:, 0]], 1)
    polynomials = GradientFields(x, 0)
    # E[∇ψ·Rx] = 0 for quadratic ψ and exact second moments
    assert float(polynomials.project(rotation).norm() / rotation.norm()) < 1e-12
    for kind in KINDS:
        fields = GradientFields(x, 100, kind)
        lost = (fields.project(gradient) - gradient).norm() / gradient.norm()
        assert float(lost) < 0.02  # sin is no ridge with these frequencies, but close to a sum
        # ∇ψ·Rx has mean zero only for the true Gaussian: √(102/(2·4096)) = 0.11 for random points
        assert float(fields.project(rotation).norm() / rotation.norm()) < 0.11


def test_extra_field_is_kept_exactly(generator: Generator) -> None:
    x, extra = normal(generator, 300, 3), normal(generator, 300, 3)
    without = GradientFields(x, 20)
    fields = GradientFields(x, 20, extra=extra)
    assert relative_gap(fields.project(extra), extra) < 1e-12  # rounding
    assert relative_gap(without.project(extra), extra) > 0.8
    assert fields.gradients.shape[1] == without.gradients.shape[1] + 1
    zero = GradientFields(x, 20, extra=torch.zeros_like(x))  # at equilibrium: nothing to add
    field = normal(generator, 300, 3)
    assert relative_gap(zero.project(field), without.project(field)) < 1e-12


def test_right_hand_side_lies_in_the_range_with_the_velocity_among_the_fields(
    generator: Generator,
) -> None:
    j = planar_jacobian(2, 20, generator)
    v = torch.tanh(normal(generator, j.n, 2))
    metric = Wasserstein(features=10, floor=0.0)(j, v)
    g, matrix = metric.right_hand_side(v), metric.dense()
    values, vectors = torch.linalg.eigh(matrix)
    kernel = vectors[:, values < 1e-12 * values[-1]]
    assert kernel.shape[1] > 20  # 16 fields for 100 parameters
    # |⟨k, g⟩| ≤ |PJk| |v|, and |PJk|² ≤ 1e-12 λ_max
    part = (kernel.T @ g).norm() / (values[-1] ** 0.5 * v.norm() / j.n**0.5)
    assert float(part) < 1e-6 * kernel.shape[1] ** 0.5
    blind = Wasserstein(features=10, floor=0.0)(j)
    values, vectors = torch.linalg.eigh(blind.dense())
    kernel = vectors[:, values < 1e-12 * values[-1]]
    assert float((kernel.T @ g).norm() / g.norm()) > 1e-3


def test_choices_build_their_metrics(generator: Generator) -> None:
    j = planar_jacobian(2, 4, generator)
    v = normal(generator, j.n, 2)
    relaxed = Relaxed()(j, v)
    assert type(relaxed) is RelaxedMetric
    metric = Wasserstein(features=9, kind="tanh", degree=1, floor=0.3, seed=5)(j, v)
    fields = metric.fields
    assert (fields.features, fields.kind, fields.degree, fields.seed) == (9, "tanh", 1, 5)
    assert fields.extra is v
    assert metric.floor == 0.3
    assert metric.jacobian is j


def test_seed_draws_the_features(generator: Generator) -> None:
    x = normal(generator, 50, 2)
    first, again, other = (GradientFields(x, 5, seed=s).gradients for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert relative_gap(other, first) > 0.1


def test_curvature_is_added_to_either_metric(generator: Generator) -> None:
    j = planar_jacobian(2, 4, generator)
    factor = normal(generator, j.n, 2, 2)
    hessian = factor @ factor.transpose(1, 2)
    rows, h = j.rows(), 0.3
    curvature = torch.einsum("nia,nij,njb->ab", rows, hessian, rows) / j.n
    for inner in (RelaxedMetric(j), polynomial_metric(j)):
        metric = CurvedMetric(j, inner=inner, hessian=hessian, h=h)
        assert relative_gap(metric.dense(), inner.dense() + h * curvature) < 1e-12  # rounding
        v = normal(generator, metric.size)
        assert relative_gap(metric.matvec(v), metric.dense() @ v) < 1e-12


def test_blocks_of_samples_change_no_metric(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    j = planar_jacobian(2, 4, generator)
    factor = normal(generator, j.n, 2, 2)
    hessian = factor @ factor.transpose(1, 2)
    true = polynomial_metric(j)
    mixed = WassersteinMetric(j, fields=true.fields, floor=0.3)
    curved = [CurvedMetric(j, inner=m, hessian=hessian, h=0.3) for m in (RelaxedMetric(j), mixed)]
    for metric in (true, mixed, *curved):
        whole = metric.dense()
        rows = j.rows()  # the definition, all at once
        weighed = metric.weigh(rows).flatten(0, 1)
        assert relative_gap(whole, rows.flatten(0, 1).T @ weighed / j.n) < 1e-12  # rounding
        with monkeypatch.context() as patch:
            patch.setattr("pwgf_core.transforms.base.BLOCK", 7 * j.x.shape[1] * metric.size)
            assert relative_gap(metric.dense(), whole) < 1e-12


def test_positive_part_is_the_nearest_positive_matrix(generator: Generator) -> None:
    a = normal(generator, 40, 3, 3)
    a = a + a.transpose(1, 2)
    positive = positive_part(a)
    negative = positive - a
    assert float(torch.linalg.eigvalsh(positive).min()) > -1e-13  # rounding
    assert float(torch.linalg.eigvalsh(negative).min()) > -1e-13
    assert float((positive @ negative).abs().max()) < 1e-12  # the two are orthogonal


def test_wrong_arguments_are_named(generator: Generator) -> None:
    x = normal(generator, 20, 2)
    with pytest.raises(ValueError, match="kind must be one of fourier, tanh, got 'rbf'"):
        GradientFields(x, kind="rbf")
    with pytest.raises(ValueError, match="features must be an integer of at least 0, got -1"):
        GradientFields(x, features=-1)
    for degree in (0, 1.5):
        with pytest.raises(ValueError, match="degree must be an integer of at least 1"):
            GradientFields(x, degree=degree)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="degree must be 1 or 2 in 2 dimensions, got 3"):
        GradientFields(x, degree=3)
    with pytest.raises(ValueError, match=r"x must have shape \(any, any\), got \(20,\)"):
        GradientFields(x[:, 0])
    with pytest.raises(ValueError, match=r"extra must have shape \(20, 2\), got \(19, 2\)"):
        GradientFields(x, extra=x[1:])
