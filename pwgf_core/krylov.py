"""Krylov solvers of A x = b for a symmetric, possibly singular A, that say how they ended."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from scipy.linalg import eigvalsh_tridiagonal
from torch import Tensor

from .errors import check_alike, check_count, check_function, check_positive, check_real


class Status(StrEnum):
    """How a solve ended."""

    CONVERGED = "converged"
    MAX_ITERATIONS = "max_iterations"
    INCONSISTENT = "inconsistent"
    ILL_CONDITIONED = "ill_conditioned"
    NON_FINITE = "non_finite"

    @property
    def advice(self) -> str:
        """What it means and what to try next."""
        return _ADVICE[self]


_ADVICE = {
    Status.CONVERGED: "the residual is below the tolerance",
    Status.MAX_ITERATIONS: "raise max_iterations, loosen tol, or shift the operator",
    Status.INCONSISTENT: "the right-hand side has a part outside the range of the operator; "
    "x is a least-squares solution; `least_norm` gives the one of least norm",
    Status.ILL_CONDITIONED: "the condition number reaches 1 / machine epsilon; "
    "shift the operator or cut its small eigenvalues off",
    Status.NON_FINITE: "the operator or the right-hand side gave an infinity or a NaN; "
    "use a smaller step or check the input",
}


@dataclass(frozen=True)
class Solution:
    """x with A x ≈ b: the true relative residual |b − A x| / |b| (for b = 0 divided by
    its first value), iterations and status.

    `largest` is the largest eigenvalue of A that the solver saw.
    """

    x: Tensor
    residual: float
    iterations: int
    status: Status
    largest: float


def _product(matvec: Callable[[Tensor], Tensor], v: Tensor) -> Tensor:
    """A v, of the shape and dtype of v."""
    product = matvec(v)
    check_real("matvec(v)", product, tuple(v.shape))
    check_alike("matvec(v)", product, "b", v)
    return product


def _norm(v: Tensor) -> float:
    return float(torch.linalg.vector_norm(v))


def minres(
    matvec: Callable[[Tensor], Tensor],
    b: Tensor,
    x0: Tensor | None = None,
    tol: float | None = None,
    max_iterations: int | None = None,
) -> Solution:
    """Minimal residual method for A x = b, A symmetric, on any device (Paige, Saunders 1975).

    After k products, x minimises |b − A x| over x0 + span{r, A r, …, A^{k−1} r}, r = b − A x0.
    From x0 = 0 it converges to the solution of least norm of a consistent singular system; from
    another x0 the part of x0 in the kernel of A stays.

    Stops with status `converged` when |r| ≤ tol |b|, tol = 5000 ε by default with the machine
    epsilon ε; `inconsistent` when a larger r is orthogonal to the range of A, |A r| ≤ √ε |A| |r|
    (ε^¼ once x grows without bound); `ill_conditioned` when the condition number of the projected
    problem reaches 1/(10 ε), or rounding in A x keeps the true residual above 10 tol;
    `max_iterations` (default 5 m), or `non_finite`. The residual of the result is computed anew
    from the definition.

    Returned is x with A x = b up to tol (`converged`); a least-squares solution, whose part in the
    kernel of A, along r, is any number (`inconsistent`: use `least_norm`); the last iterate
    (`max_iterations`, `ill_conditioned`), or the last finite one (`non_finite`).

    Raises `ValueError` if b is no vector, x0 has another shape, or tol is not positive.

    >>> A = torch.diag(torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64))
    >>> solution = minres(lambda v: A @ v, torch.tensor([2.0, 3.0, 0.0], dtype=torch.float64))
    >>> solution.status.value, [round(float(x), 6) for x in solution.x]
    ('converged', [1.0, 3.0, 0.0])
    """
    check_function("matvec", matvec)
    check_real("b", b, (None,))
    eps = torch.finfo(b.dtype).eps
    tol = 5000 * eps if tol is None else tol
    check_positive("tol", tol)
    if x0 is not None:
        check_real("x0", x0, tuple(b.shape))
        check_alike("x0", x0, "b", b)
    if max_iterations is None:
        max_iterations = max(1, 5 * len(b))
    check_count("max_iterations", max_iterations)

    b_norm = _norm(b)
    x = torch.zeros_like(b) if x0 is None else x0.clone()
    r2 = b.clone() if x0 is None else b - _product(matvec, x)
    beta = _norm(r2)
    if not math.isfinite(beta):
        return Solution(torch.zeros_like(b), math.inf, 0, Status.NON_FINITE, 0.0)
    scale = b_norm or beta  # with b = 0 the residual is measured by the first one
    if beta <= tol * b_norm or beta == 0.0:
        return Solution(x, beta / scale if scale else 0.0, 0, Status.CONVERGED, 0.0)

    r1, old_beta = torch.zeros_like(b), 0.0
    w = w2 = torch.zeros_like(b)
    cs, sn, d_bar, epsilon, phi_bar = -1.0, 0.0, 0.0, 0.0, beta
    square_norm, a_norm, gamma_max, gamma_min = 0.0, 0.0, 0.0, math.inf
    alphas: list[float] = []
    betas: list[float] = []
    status = Status.MAX_ITERATIONS
    for _ in range(max_iterations):
        # Lanczos: one product, two inner products.
        v = r2 / beta
        y = matvec(v) if alphas else _product(matvec, v)
        if old_beta:
            y = y - (beta / old_beta) * r1
        alpha = float(v @ y)
        y = y - (alpha / beta) * r2
        r1, r2, old_beta = r2, y, beta
        beta = _norm(y)
        if not math.isfinite(alpha + beta):
            status = Status.NON_FINITE
            break
        alphas.append(alpha)
        betas.append(beta)
        square_norm += alpha**2 + old_beta**2 * (len(alphas) > 1) + beta**2

        # The next Givens rotation of the tridiagonal matrix, and the step in x.
        old_epsilon = epsilon
        delta = cs * d_bar + sn * alpha
        g_bar = sn * d_bar - cs * alpha
        epsilon, d_bar = sn * beta, -cs * beta
        root = math.hypot(g_bar, d_bar)
        a_norm = math.sqrt(square_norm)
        # root / |A| is |A r| / (|A| |r|) for the residual before this rotation.
        if root <= math.sqrt(eps) * a_norm:
            status = Status.INCONSISTENT
            break
        gamma = max(math.hypot(g_bar, beta), eps * a_norm)
        cs, sn = g_bar / gamma, beta / gamma
        phi, phi_bar = cs * phi_bar, sn * phi_bar
        w, w2 = (v - old_epsilon * w2 - delta * w) / gamma, w
        trial = x + phi * w
        if math.sqrt(eps) * a_norm * _norm(trial) > scale:
            status = Status.ILL_CONDITIONED  # rounding in A x hides the residual: v was noise
            break
        x = trial
        gamma_max, gamma_min = max(gamma_max, gamma), min(gamma_min, gamma)
        if phi_bar <= tol * scale:
            status = Status.CONVERGED
            break
        if gamma_max >= gamma_min / (10 * eps):
            status = Status.ILL_CONDITIONED
            break

    r = b - matvec(x)
    residual = _norm(r) / scale
    if status is Status.CONVERGED and residual > 10 * tol:  # lost to rounding
        status = Status.ILL_CONDITIONED
    elif status is Status.ILL_CONDITIONED and _norm(matvec(r)) <= eps**0.25 * a_norm * _norm(r):
        status = Status.INCONSISTENT  # x grows along what is left of b: a part outside the range
    largest = (
        float(eigvalsh_tridiagonal(np.array(alphas), np.array(betas[:-1]))[-1]) if alphas else 0.0
    )
    return Solution(x, residual, len(alphas), status, largest)


def least_norm(
    matvec: Callable[[Tensor], Tensor],
    b: Tensor,
    tol: float | None = None,
    max_iterations: int | None = None,
) -> Solution:
    """x = A†b, the least-squares solution of least norm, for any b, by two consistent solves.

    A y = A b gives y, the part of b in the range of A, and A x = y then gives x; from zero both
    iterations stay in the range. Twice the products of one solve of A x = b, but its `inconsistent`
    x is only good to about κ² √ε with the condition number κ on the range, even with the kernel
    part taken out; here the error is about κ² tol. `max_iterations` holds for each solve.

    The residual is |b − A x| / |b|. The status is `converged` if it is at most √tol, because a
    consistent b leaves κ tol, and `inconsistent` if not; in both cases x = A†b. Else it is that
    of the solve that failed: `ill_conditioned` where rounding exceeds tol, for the default tol at
    κ = 10³ or more. The error is then larger than κ² tol, and at κ = 10⁶ of the size of x.

    Raises `ValueError` as `minres` does.

    >>> A = torch.diag(torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64))
    >>> solution = least_norm(lambda v: A @ v, torch.tensor([2.0, 3.0, 4.0], dtype=torch.float64))
    >>> solution.status.value, [round(float(x), 6) for x in solution.x]
    ('inconsistent', [1.0, 3.0, 0.0])
    """
    check_function("matvec", matvec)
    check_real("b", b, (None,))
    tol = 5000 * torch.finfo(b.dtype).eps if tol is None else tol
    check_positive("tol", tol)
    part = minres(matvec, _product(matvec, b), None, tol, max_iterations)
    if part.status is Status.NON_FINITE:
        return part
    solution = minres(matvec, part.x, None, tol, max_iterations)
    b_norm = _norm(b)
    residual = _norm(b - matvec(solution.x)) / b_norm if b_norm else 0.0
    status = Status.CONVERGED if residual <= math.sqrt(tol) else Status.INCONSISTENT
    for solve in (solution, part):
        if solve.status is Status.INCONSISTENT:  # impossible but for rounding
            status = Status.ILL_CONDITIONED
        elif solve.status is not Status.CONVERGED:
            status = solve.status
    iterations = part.iterations + solution.iterations
    return Solution(solution.x, residual, iterations, status, max(part.largest, solution.largest))
