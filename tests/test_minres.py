"""MINRES: least-norm solutions, optimality, scipy's iterates, and how it ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from cases import normal, relative_gap
from scipy.sparse.linalg import minres as scipy_minres
from torch import Generator, Tensor

from pwgf_core import Solution, Status, minres


class System(NamedTuple):
    """A = Q diag(λ) Qᵀ of rank r < n with orthonormal columns Q (n, r)."""

    basis: Tensor
    values: Tensor

    @property
    def matrix(self) -> Tensor:
        a = (self.basis * self.values) @ self.basis.T
        return (a + a.T) / 2

    def times(self, v: Tensor) -> Tensor:
        return self.matrix @ v

    def pinv(self, b: Tensor) -> Tensor:
        """A†b from the known eigenvectors."""
        return self.basis @ ((self.basis.T @ b) / self.values)


def system(n: int, rank: int, condition: float, generator: Generator) -> System:
    """Random eigenvectors, eigenvalues in geometric progression from 1 down to 1 / condition."""
    basis = torch.linalg.qr(normal(generator, n, n)).Q[:, :rank]
    return System(basis, torch.logspace(0, -math.log10(condition), rank).double())


def integer(low: int, high: int, generator: Generator) -> int:
    return int(torch.randint(low, high + 1, (1,), generator=generator))


def residual(matvec: Callable[[Tensor], Tensor], x: Tensor, b: Tensor) -> float:
    return float((b - matvec(x)).norm() / b.norm())


@pytest.mark.parametrize("definite", [True, False], ids=["semi-definite", "indefinite"])
def test_least_norm_solution_of_200_singular_consistent_systems(
    definite: bool, generator: Generator
) -> None:
    for _ in range(200):
        n = integer(5, 80, generator)
        condition = 10 ** (4 * float(torch.rand(1, generator=generator)))
        basis, values = system(n, integer(1, n - 1, generator), condition, generator)
        if not definite:
            values = values * normal(generator, len(values)).sign()
        scale = 10 ** (4 * float(torch.rand(1, generator=generator)) - 2)
        case = System(basis, scale * values)
        x = basis @ normal(generator, len(values))
        # |x − x*| ≤ condition · tol |x*|: 1e-13 leaves room below 1e-8; scipy's default too
        solution = minres(case.times, case.times(x), tol=1e-13, max_iterations=30 * n)
        assert solution.status is Status.CONVERGED
        assert relative_gap(solution.x, x) < 1e-8
        pinv = torch.linalg.pinv(case.matrix, rtol=1e-9)  # by an SVD
        assert relative_gap(solution.x, pinv @ case.times(x)) < 1e-8


def test_iterates_are_those_of_scipy(generator: Generator) -> None:
    for condition in (3.0, 1e2, 1e4):
        case = system(40, 30, condition, generator)
        b = case.times(normal(generator, 40)) + 0.1 * normal(generator, 40)
        for k in range(1, 9):
            peer = scipy_minres(case.matrix.numpy(), b.numpy(), rtol=1e-15, maxiter=k)[0]
            mine = minres(case.times, b, tol=1e-15, max_iterations=k)
            assert mine.iterations == k
            # the same recurrence; every step enlarges rounding up to tenfold
            assert relative_gap(mine.x, torch.from_numpy(np.asarray(peer))) < 1e-10, (condition, k)


def test_iterates_minimise_the_residual_over_the_krylov_space(generator: Generator) -> None:
    case = system(20, 15, 50.0, generator)
    b, x0 = normal(generator, 20), normal(generator, 20)
    r = b - case.times(x0)
    powers = [r / r.norm()]
    for k in range(1, 7):
        solution = minres(case.times, b, x0, tol=1e-15, max_iterations=k)
        krylov = torch.linalg.qr(torch.stack(powers, 1)).Q
        best = torch.linalg.lstsq(case.matrix @ krylov, r[:, None]).solution
        expected = x0 + (krylov @ best)[:, 0]
        assert relative_gap(solution.x, expected) < 1e-9  # powers lose a digit each
        powers.append(case.times(powers[-1]))
        powers[-1] = powers[-1] / powers[-1].norm()


def test_residuals_fall_and_are_the_true_ones(generator: Generator) -> None:
    case = system(30, 30, 1e3, generator)
    b = normal(generator, 30)
    before = 1.0
    for k in range(1, 25):
        solution = minres(case.times, b, tol=1e-12, max_iterations=k)
        assert solution.residual == pytest.approx(residual(case.times, solution.x, b), rel=1e-12)
        assert solution.residual <= before * (1 + 1e-12)  # round-off
        before = solution.residual


def test_tolerance_is_met(generator: Generator) -> None:
    case = system(30, 20, 1e2, generator)
    b = case.times(normal(generator, 30))
    counts = []
    for tol in (1e-2, 1e-5, 1e-9):
        solution = minres(case.times, b, tol=tol)
        assert solution.status is Status.CONVERGED
        assert residual(case.times, solution.x, b) <= tol * (1 + 1e-3)  # its own estimate of it
        counts.append(solution.iterations)
    assert counts == sorted(set(counts))


def test_inconsistent_systems_say_so_with_the_least_squares_residual(generator: Generator) -> None:
    for _ in range(50):
        n = integer(5, 60, generator)
        case = system(n, integer(1, n - 1, generator), 100.0, generator)
        b = case.times(normal(generator, n)) + 0.5 * normal(generator, n)
        solution = minres(case.times, b)
        assert solution.status is Status.INCONSISTENT
        least = residual(case.times, case.pinv(b), b)
        # |A r| ≤ 1e-10 |A| |r|: the part of r in the range is below 1e-10 times condition
        assert solution.residual == pytest.approx(least, rel=1e-8)
        projected = case.basis @ (case.basis.T @ solution.x)
        assert relative_gap(projected, case.pinv(b)) < 1e-5  # a least-squares solution


def test_an_operator_of_zero_is_inconsistent() -> None:
    solution = minres(lambda v: 0 * v, torch.ones(3).double())
    assert solution.status is Status.INCONSISTENT
    assert torch.equal(solution.x, torch.zeros(3).double())
    assert solution.residual == 1.0


@pytest.mark.parametrize("condition", [1e16, 1e18, 1e20])
def test_ill_conditioned_systems_say_so(condition: float, generator: Generator) -> None:
    case = system(40, 40, condition, generator)
    for _ in range(5):
        b = normal(generator, 40)
        solution = minres(case.times, b)
        # |x| would be 1e16 |b| and more: what is below ε |A| cannot be told from a kernel
        assert solution.status in (Status.ILL_CONDITIONED, Status.INCONSISTENT)
        assert solution.residual == pytest.approx(residual(case.times, solution.x, b), rel=1e-6)


def test_a_residual_lost_to_rounding_is_ill_conditioned() -> None:
    scale = torch.linspace(1, 2, 20)
    solution = minres(lambda v: scale * v, torch.ones(20), tol=1e-10)  # of single precision
    assert solution.status is Status.ILL_CONDITIONED
    assert 1e-9 < solution.residual < 1e-6


def test_too_few_iterations_say_so(generator: Generator) -> None:
    case = system(30, 30, 1e4, generator)
    solution = minres(case.times, normal(generator, 30), max_iterations=4)
    assert solution.status is Status.MAX_ITERATIONS
    assert solution.iterations == 4


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_numbers_say_so(bad: float, generator: Generator) -> None:
    eye = torch.eye(4).double()
    b = torch.ones(4).double()
    for solution in (
        minres(lambda v: eye @ v, b * torch.tensor([1, bad, 1, 1])),
        minres(lambda v: bad * v, b),
        minres(lambda v: eye @ v, b, x0=bad * b),
    ):
        assert solution.status is Status.NON_FINITE
        assert bool(torch.isfinite(solution.x).all())
    calls: list[int] = []

    def fails_at_the_third(v: Tensor) -> Tensor:
        calls.append(1)
        return torch.linspace(1, 2, 4).double() * v * (bad if len(calls) == 3 else 1.0)

    solution = minres(fails_at_the_third, b)
    assert solution.status is Status.NON_FINITE
    assert bool(torch.isfinite(solution.x).all())  # the iterate before it


def test_warm_start_saves_iterations_and_keeps_the_kernel_part(generator: Generator) -> None:
    case = system(40, 25, 1e2, generator)
    x = case.basis @ normal(generator, 25)
    b = case.times(x)
    cold = minres(case.times, b, tol=1e-8)
    near = minres(case.times, b, x + 1e-6 * case.basis @ normal(generator, 25), tol=1e-8)
    assert near.iterations < cold.iterations
    at = minres(case.times, b, x, tol=1e-8)
    assert (at.iterations, at.status) == (0, Status.CONVERGED)
    assert torch.equal(at.x, x)
    kernel = normal(generator, 40)
    kernel = kernel - case.basis @ (case.basis.T @ kernel)
    kept = minres(case.times, b, kernel, tol=1e-12)
    assert relative_gap(kept.x, x + kernel) < 1e-8  # condition · tol


def test_start_and_right_hand_side_are_not_overwritten(generator: Generator) -> None:
    case = system(10, 10, 10.0, generator)
    b, x0 = normal(generator, 10), normal(generator, 10)
    kept = b.clone(), x0.clone()
    minres(case.times, b, x0)
    assert torch.equal(b, kept[0])
    assert torch.equal(x0, kept[1])


def test_zero_right_hand_side_has_the_solution_zero(generator: Generator) -> None:
    case = system(10, 10, 10.0, generator)
    zero = torch.zeros(10).double()
    solution = minres(case.times, zero)
    assert (solution.status, solution.residual, solution.iterations) == (Status.CONVERGED, 0.0, 0)
    assert torch.equal(solution.x, zero)


def test_zero_right_hand_side_from_another_start(generator: Generator) -> None:
    case = system(10, 10, 10.0, generator)
    solution = minres(case.times, torch.zeros(10).double(), normal(generator, 10))
    assert solution.status is Status.CONVERGED
    assert float(solution.x.norm()) < 1e-8


def test_largest_eigenvalue_is_reported(generator: Generator) -> None:
    case = system(30, 20, 100.0, generator)
    largest = minres(case.times, normal(generator, 30)).largest
    assert largest == pytest.approx(1.0, rel=1e-8)  # a Ritz value: error ~ residual²


def test_one_iteration_suffices_for_a_multiple_of_the_identity() -> None:
    b = torch.arange(1.0, 6.0).double()
    solution = minres(lambda v: 4 * v, b)
    assert solution.iterations == 1
    assert relative_gap(solution.x, b / 4) < 1e-15


@pytest.mark.parametrize("tol", [1e-3, 1e-5])
def test_single_precision(tol: float, generator: Generator) -> None:
    case = system(40, 30, 50.0, generator)
    x = case.basis @ normal(generator, 30)
    b = case.times(x).float()
    solution = minres(lambda v: case.matrix.float() @ v, b, tol=tol)
    assert solution.x.dtype is torch.float32
    assert solution.status is Status.CONVERGED
    assert residual(case.times, solution.x.double(), b.double()) < 2 * tol
    assert relative_gap(solution.x.double(), x) < 2 * 50 * tol  # condition · tol


def test_wrong_arguments_are_named() -> None:
    b = torch.ones(3)

    def solve(b: Tensor = b, x0: Tensor | None = None, **settings: float) -> Solution:
        return minres(lambda v: v, b, x0, **settings)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match=r"b must have shape \(any\), got \(3, 1\)"):
        solve(b[:, None])
    with pytest.raises(ValueError, match=r"x0 must have shape \(3\), got \(2,\)"):
        solve(x0=torch.ones(2))
    with pytest.raises(ValueError, match="tol must be a finite number above 0, got 0"):
        solve(tol=0.0)
    with pytest.raises(ValueError, match="max_iterations must be an integer of at least 1, got 0"):
        solve(max_iterations=0)


def test_every_status_has_advice() -> None:
    assert len({status.advice for status in Status}) == len(Status)
