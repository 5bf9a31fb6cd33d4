"""The dual solver: least squares of least norm, the solution of `Dense`, and a whole run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from cases import TRANSFORMS, normal, random_theta, relative_gap
from torch import Generator, Tensor

from pwgf_core import (
    Dense,
    Dual,
    Explicit,
    Gaussian,
    GradientFields,
    LinearlyImplicit,
    Planar,
    RelaxedMetric,
    Status,
    Transform,
    WassersteinMetric,
    evolve,
    problem,
)

AT_THE_CUT = 1e-6  # eigenvectors at the cut-off 1e-10 are known to the rounding 1e-16 over it
# n d < m needs m > d
WIDE = [t for t in TRANSFORMS if t.n_params > t.dim]
each = pytest.mark.parametrize("transform", WIDE, ids=repr)


@pytest.fixture
def metric(transform: Transform, generator: Generator) -> RelaxedMetric:
    """As many samples as leave n d < m, at most ten."""
    n = min(10, (transform.n_params - 1) // transform.dim)
    theta = random_theta(transform, generator)
    return RelaxedMetric(transform.jacobian(theta, normal(generator, n, transform.dim)))


def velocity(metric: RelaxedMetric, generator: Generator) -> Tensor:
    return normal(generator, *metric.jacobian.x.shape)


@each
def test_least_squares_of_least_norm_without_a_shift(
    metric: RelaxedMetric, generator: Generator
) -> None:
    v = velocity(metric, generator)
    rows = metric.jacobian.rows().flatten(0, 1)
    assert rows.shape[0] < rows.shape[1]
    expected = np.linalg.lstsq(rows.numpy(), v.flatten().numpy(), rcond=1e-5)[0]
    g = metric.right_hand_side(v)
    solution = Dual().solve(metric, g, v=v)  # cut-off 1e-10 for the squares of singular values
    # RRᵀ squares the condition number: ε over the smallest eigenvalue kept, 1e-10 at worst
    assert relative_gap(solution.x, torch.from_numpy(expected)) < 1e-6
    assert solution.status is Dense().solve(metric, g).status  # both say if the cut left a residual
    matrix, size = metric.dense(), g.norm()
    direct = torch.linalg.vector_norm(g - matrix @ solution.x) / size
    # of a product: ε |G| |ξ|, which is large beside g where eigenvalues of 1e-10 count
    rounding = torch.finfo(g.dtype).eps * matrix.norm() * solution.x.norm() / size
    assert solution.residual == pytest.approx(float(direct), abs=8 * float(rounding))


@each
@pytest.mark.parametrize("shift", [1e-6, 1e-2])
def test_solution_of_dense_with_the_same_shift(
    metric: RelaxedMetric, shift: float, generator: Generator
) -> None:
    v = velocity(metric, generator)
    g = metric.right_hand_side(v)
    for own in (0.0, 0.3):  # a shift of the metric itself, too
        shifted = metric.shifted(own)
        dual = Dual(shift=shift).solve(shifted, g, v=v)
        dense = Dense(shift=shift).solve(shifted, g)
        assert relative_gap(dual.x, dense.x) < AT_THE_CUT
        assert dual.largest == pytest.approx(dense.largest, rel=1e-12)
        assert dual.residual == pytest.approx(dense.residual, abs=1e-10)
        assert dual.status is dense.status


@each
def test_formula_of_the_docstring(metric: RelaxedMetric, generator: Generator) -> None:
    v, shift = velocity(metric, generator), 1e-3
    rows = metric.jacobian.rows().flatten(0, 1)
    solver = Dual(cutoff=1e-16, shift=shift)  # the formula cuts nothing
    solution = solver.solve(metric, metric.right_hand_side(v), v=v)
    largest = float(torch.linalg.matrix_norm(rows, 2)) ** 2 / metric.jacobian.n
    eye = metric.jacobian.n * shift * largest * torch.eye(len(rows)).double()
    expected = rows.T @ torch.linalg.solve(rows @ rows.T + eye, v.flatten())
    assert relative_gap(solution.x, expected) < 1e-10  # condition 1e3


@each
def test_overdetermined_samples_give_the_solution_of_dense_too(
    transform: Transform, generator: Generator
) -> None:
    theta = random_theta(transform, generator)
    z = normal(generator, transform.n_params + 5, transform.dim)
    metric = RelaxedMetric(transform.jacobian(theta, z))
    v = velocity(metric, generator)
    g = metric.right_hand_side(v)
    dual, dense = Dual(shift=1e-4).solve(metric, g, v=v), Dense(shift=1e-4).solve(metric, g)
    assert relative_gap(dual.x, dense.x) < AT_THE_CUT


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_true_metric(floor: float, generator: Generator) -> None:
    transform = Planar(2, 30)
    theta = random_theta(transform, generator)
    jacobian = transform.jacobian(theta, normal(generator, 40, 2))
    v = normal(generator, 40, 2)
    fields = GradientFields(jacobian.x, features=10, extra=v)
    metric = WassersteinMetric(jacobian, fields=fields, floor=floor)
    g = metric.right_hand_side(v)
    for shift in (1e-6, 1e-2):
        dual, dense = Dual(shift=shift).solve(metric, g, v=v), Dense(shift=shift).solve(metric, g)
        assert relative_gap(dual.x, dense.x) < 1e-8  # rounding over the shift
        assert dual.residual == pytest.approx(dense.residual, abs=1e-10)
    relaxed = Dual(shift=1e-2).solve(RelaxedMetric(jacobian), g, v=v)
    assert relative_gap(relaxed.x, dual.x) > 1e-2  # the weight counts


def test_a_run_is_that_of_dense() -> None:
    flow = problem("ornstein_uhlenbeck", transform="planar", layers=40)  # m = 200
    ends = []
    for solver in (Dual(shift=1e-5), Dense(shift=1e-5)):
        scheme = Explicit(0.02, "midpoint", solver=solver)
        run = evolve(flow, scheme, t_end=0.1, samples=64, record=1, progress=False)
        assert run.status == "completed"
        ends.append(run.state.theta)
    assert relative_gap(*ends) < 1e-6  # ten solves, each to rounding over the shift
    assert relative_gap(flow.theta0, ends[1]) > 1e-2


def test_a_linearly_implicit_step_is_that_of_dense() -> None:
    flow = problem("ornstein_uhlenbeck", transform="planar", layers=40)
    ends = []
    for solver in (Dual(shift=1e-5), Dense(shift=1e-5)):
        scheme = LinearlyImplicit(0.1, solver=solver)
        run = evolve(flow, scheme, t_end=0.1, samples=64, record=1, progress=False)
        ends.append(run.state.theta)
    assert relative_gap(*ends) < 1e-8  # rounding over the shift


def test_the_gradient_form_is_refused() -> None:
    flow = problem("ornstein_uhlenbeck", transform="affine")
    scheme = Explicit(0.1, form="gradient", solver=Dual())
    with pytest.raises(
        ValueError, match=r"v must be the field \(n, d\) with g = E\[Jᵀv\], got None"
    ):
        evolve(flow, scheme, t_end=0.1, samples=16, progress=False)


def test_endings_and_wrong_arguments(generator: Generator) -> None:
    transform = Planar(2, 6)
    z = Gaussian(2).sample(5, generator)
    metric = RelaxedMetric(transform.jacobian(random_theta(transform, generator), z))
    v = normal(generator, 5, 2)
    g = metric.right_hand_side(v)
    assert Dual().solve(metric, g, v=math.nan * v).status is Status.NON_FINITE
    zero = Dual().solve(metric, 0 * g, v=0 * v)
    assert (zero.status, zero.residual) == (Status.CONVERGED, 0.0)
    # a v that does not belong to g is noticed by the residual of the normal equations
    assert Dual().solve(metric, g, v=v.flip(0)).status is Status.INCONSISTENT
    with pytest.raises(ValueError, match=r"v must have shape \(5, 2\), got \(2, 5\)"):
        Dual().solve(metric, g, v=v.T)
    settings: Any = {"cutoff": 0.0}
    with pytest.raises(ValueError, match="cutoff must be a finite number above 0, got 0"):
        Dual(**settings)
    with pytest.raises(ValueError, match="shift must be a finite number of at least 0, got -1"):
        Dual(shift=-1)
