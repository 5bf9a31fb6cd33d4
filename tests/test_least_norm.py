"""`least_norm`: A†b for singular systems, consistent or not, and how it ends."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from cases import normal, random_theta, relative_gap
from torch import Generator, Tensor

from pwgf_core import Affine, Minres, RelaxedMetric, Status, least_norm, minres


class Case(NamedTuple):
    """A = Q diag(λ) Qᵀ with orthonormal columns Q (n, r), and b = A w + `noise` · (unit in ker A).

    |A w| = 1, so that `noise` is the part of b that no x can meet.
    """

    basis: Tensor
    values: Tensor
    b: Tensor

    def times(self, v: Tensor) -> Tensor:
        return self.basis @ (self.values * (self.basis.T @ v))

    @property
    def solution(self) -> Tensor:
        """A†b from the known eigenvectors."""
        return self.basis @ ((self.basis.T @ self.b) / self.values)


def draw(condition: float, definite: bool, generator: Generator, noise: float = 0.5) -> Case:
    n = int(torch.randint(5, 80, (1,), generator=generator))
    rank = int(torch.randint(1, n, (1,), generator=generator))
    basis = torch.linalg.qr(normal(generator, n, n)).Q
    values = torch.logspace(0, -math.log10(condition), rank).double()
    if not definite:
        values = values * normal(generator, rank).sign()
    inside = basis[:, :rank] @ (values * normal(generator, rank))
    outside = basis[:, rank:] @ normal(generator, n - rank)
    b = inside / inside.norm() + noise * outside / outside.norm()
    return Case(basis[:, :rank], values, b)


@pytest.mark.parametrize("definite", [True, False], ids=["semi-definite", "indefinite"])
@pytest.mark.parametrize(
    ("condition", "bound"), [(1.0, 1e-13), (10, 1e-9), (1e2, 1e-7), (1e3, 1e-5)]
)
def test_the_pseudo_inverse_of_singular_inconsistent_systems(
    condition: float, bound: float, definite: bool, generator: Generator
) -> None:
    for _ in range(40):
        case = draw(condition, definite, generator)
        solution = least_norm(case.times, case.b, max_iterations=5000)
        # Two solves to tol = 1e-12 lose a factor κ each: κ² tol, with a factor 10 for the norms
        # |A†| |b| / |A†b|; at κ = 1 rounding is left.
        assert relative_gap(solution.x, case.solution) < bound
        if condition < 1e3:  # above, rounding may exceed tol, and the status says it
            assert solution.status is Status.INCONSISTENT
        # |b − A x| is the part in the kernel, 0.5 of |b| = √1.25
        assert solution.residual == pytest.approx(0.5 / 1.25**0.5, rel=1e-6)


def test_it_is_the_pseudo_inverse_of_numpy(generator: Generator) -> None:
    for _ in range(20):
        case = draw(30.0, False, generator)
        matrix = (case.basis * case.values) @ case.basis.T
        expected = np.linalg.pinv(matrix.numpy(), rcond=1e-9) @ case.b.numpy()
        gap = relative_gap(least_norm(case.times, case.b).x, torch.from_numpy(expected))
        assert gap < 1e-8  # κ² tol = 1e-9


def test_minres_alone_keeps_a_part_in_the_kernel(generator: Generator) -> None:
    worst = 0.0
    for _ in range(20):
        case = draw(100.0, True, generator)
        plain = minres(case.times, case.b, max_iterations=5000)
        assert plain.status is Status.INCONSISTENT
        worst = max(worst, relative_gap(plain.x, case.solution))
        # the same residual from a longer x; its own stop leaves κ √ε in the range
        found = least_norm(case.times, case.b, max_iterations=5000)
        assert float(found.x.norm()) < float(plain.x.norm()) * (1 + 1e-6)
        assert found.residual <= plain.residual * (1 + 1e-9)
    assert worst > 1  # seen: 100


def test_consistent_systems_converge_to_the_same_solution(generator: Generator) -> None:
    for _ in range(20):
        case = draw(50.0, True, generator, noise=0.0)
        found = least_norm(case.times, case.b)
        assert found.status is Status.CONVERGED
        assert relative_gap(found.x, case.solution) < 1e-8  # κ² tol = 2.5e-9
        assert found.residual < 1e-10  # κ tol
        assert found.largest == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("condition", [1e6, 1e8])
def test_ill_conditioned_systems_say_so(condition: float, generator: Generator) -> None:
    for _ in range(20):
        case = draw(condition, True, generator)
        if len(case.values) < 10:
            continue  # too few eigenvalues for the small ones to matter
        found = least_norm(case.times, case.b, max_iterations=20000)
        if relative_gap(found.x, case.solution) > 1e-2:
            assert found.status is Status.ILL_CONDITIONED


def test_other_endings(generator: Generator) -> None:
    case = draw(1e3, True, generator)
    assert len(case.values) > 5
    assert least_norm(case.times, case.b, max_iterations=3).status is Status.MAX_ITERATIONS
    for bad in (math.nan, math.inf):
        broken = least_norm(lambda v, bad=bad: bad * v, case.b)
        assert broken.status is Status.NON_FINITE
        assert bool(torch.isfinite(broken.x).all())
    zero = least_norm(case.times, 0 * case.b)
    assert (zero.status, zero.residual) == (Status.CONVERGED, 0.0)
    outside = least_norm(lambda v: 0 * v, torch.ones(3).double())
    assert (outside.status, outside.residual) == (Status.INCONSISTENT, 1.0)
    assert torch.equal(outside.x, torch.zeros(3).double())
    with pytest.raises(ValueError, match=r"b must have shape \(any\), got \(3, 1\)"):
        least_norm(lambda v: v, torch.ones(3, 1))
    with pytest.raises(ValueError, match="tol must be a finite number above 0, got 0"):
        least_norm(lambda v: v, torch.ones(3), tol=0)


def test_the_solver_of_a_metric(generator: Generator) -> None:
    transform = Affine(3)
    theta = random_theta(transform, generator)
    metric = RelaxedMetric(transform.jacobian(theta, normal(generator, 3, 3)))
    g = normal(generator, metric.size)  # not in the range of the metric, of rank 9 in 12
    expected = torch.linalg.pinv(metric.dense(), rtol=1e-10, hermitian=True) @ g
    first = Minres(1e-12, 5000, shift=0.0, least_norm=True).solve(metric, g)
    again = Minres(1e-12, 5000, shift=0.0, least_norm=True).solve(metric, g, first)
    plain = Minres(1e-12, 5000, shift=0.0).solve(metric, g)
    assert relative_gap(first.x, expected) < 1e-9  # κ² tol = 2e-10
    assert relative_gap(plain.x, expected) > 0.1
    assert torch.equal(first.x, again.x)  # starts from zero
    with pytest.raises(ValueError, match="shift must be 0 with least_norm, got 1e-05"):
        Minres(least_norm=True)
