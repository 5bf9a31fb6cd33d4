"""The solvers of metric ξ = g: `Minres` by products and `Dense` by eigenvalues."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from cases import normal, random_theta, relative_gap
from torch import Generator, Tensor

from pwgf_core import Affine, Compose, Dense, Minres, Planar, RelaxedMetric, Status
from pwgf_core.linalg import LinearSolver


@pytest.fixture
def metric(generator: Generator) -> RelaxedMetric:
    """A singular one: fewer equations (2 · 8) than parameters (36)."""
    transform = Compose(Affine(2), Planar(2, 6))
    theta = random_theta(transform, generator)
    return RelaxedMetric(transform.jacobian(theta, normal(generator, 8, 2)))


@pytest.fixture
def g(metric: RelaxedMetric, generator: Generator) -> Tensor:
    """E[Jᵀv]: in the range of the metric."""
    return metric.right_hand_side(normal(generator, 8, 2))


def test_dense_is_the_pseudo_inverse(metric: RelaxedMetric, g: Tensor) -> None:
    solution = Dense().solve(metric, g, None)
    expected = torch.linalg.pinv(metric.dense(), rtol=1e-10, hermitian=False) @ g  # by an SVD
    assert relative_gap(solution.x, expected) < 1e-6  # round-off over the cut-off 1e-10
    assert solution.status is Status.CONVERGED
    assert solution.largest == pytest.approx(
        float(torch.linalg.matrix_norm(metric.dense(), 2)), rel=1e-12
    )


def test_minres_and_dense_agree(metric: RelaxedMetric, g: Tensor) -> None:
    by_products = Minres(tol=1e-12, max_iterations=2000, shift=0.0).solve(metric, g, None)
    by_values = Dense(cutoff=1e-13).solve(metric, g, None)
    assert by_products.status is Status.CONVERGED
    # tol over the smallest eigenvalue kept, about 1e-5 of the largest
    assert relative_gap(by_products.x, by_values.x) < 1e-5


def test_the_shift_is_relative_to_the_largest_eigenvalue(metric: RelaxedMetric, g: Tensor) -> None:
    first = Dense().solve(metric, g, None)  # knows λ_max
    solution = Minres(1e-12, 1000, shift=1e-2, warm_start=False).solve(metric, g, first)
    eye = torch.eye(metric.size).double()
    expected = torch.linalg.solve(metric.dense() + 1e-2 * first.largest * eye, g)
    assert relative_gap(solution.x, expected) < 1e-9  # condition 100 times tol
    # without a previous solution λ_max comes from a power iteration, within a few per cent
    alone = Minres(1e-12, 1000, shift=1e-2).solve(metric, g, None)
    assert relative_gap(alone.x, expected) < 0.05


def test_the_last_solution_starts_the_next(metric: RelaxedMetric, g: Tensor) -> None:
    solver = Minres(tol=1e-6, max_iterations=500)
    first = solver.solve(metric, g, None)
    again = solver.solve(metric, g, first)
    cold = Minres(tol=1e-6, max_iterations=500, warm_start=False).solve(metric, g, first)
    assert first.iterations > 1
    assert again.iterations <= 1
    assert cold.iterations > 1


def test_a_right_hand_side_outside_the_range_is_inconsistent(
    metric: RelaxedMetric, generator: Generator
) -> None:
    g = normal(generator, metric.size)
    for solver in (Dense(), Minres(1e-10, 2000, shift=0.0)):
        solution = solver.solve(metric, g, None)
        assert solution.status is Status.INCONSISTENT
        kernel = g - metric.dense() @ (torch.linalg.pinv(metric.dense(), rtol=1e-10) @ g)
        assert solution.residual == pytest.approx(float(kernel.norm() / g.norm()), rel=1e-6)


@pytest.mark.parametrize("solver", [Minres(), Minres(shift=0.0), Dense()], ids=repr)
def test_non_finite_input_ends_with_that_status(
    solver: LinearSolver, metric: RelaxedMetric, g: Tensor
) -> None:
    assert solver.solve(metric, g * math.nan, None).status is Status.NON_FINITE
    transform = metric.jacobian.transform
    theta = metric.jacobian.theta.clone()
    theta[0] = math.nan  # an entry of the affine head: the flow below stays finite
    broken = RelaxedMetric(transform.jacobian(theta, metric.jacobian.z.clone().mul(math.nan)))
    assert solver.solve(broken, g, None).status is Status.NON_FINITE


def test_zero_has_the_solution_zero(metric: RelaxedMetric) -> None:
    zero = torch.zeros(metric.size).double()
    for solver in (Minres(), Dense()):
        solution = solver.solve(metric, zero, None)
        assert solution.status is Status.CONVERGED
        assert torch.equal(solution.x, zero)
        assert solution.residual == 0.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Minres(tol=0.0), "tol must be a finite number above 0"),
        (lambda: Minres(max_iterations=0), "max_iterations must be an integer of at least 1"),
        (lambda: Minres(shift=-1e-5), "shift must be a finite number of at least 0, got -1e-05"),
        (lambda: Minres(shift=math.nan), "shift must be a finite number of at least 0, got nan"),
        (lambda: Dense(cutoff=0.0), "cutoff must be a finite number above 0"),
    ],
)
def test_wrong_settings_are_named(make: Callable[[], LinearSolver], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
