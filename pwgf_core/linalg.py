"""Solvers of G ξ = g for a metric G, by products, by eigenvalues, or in the space of the sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .distributed import check_single, world
from .errors import check_count, check_not_negative, check_positive, check_shape, check_type
from .krylov import Solution, Status, least_norm, minres
from .metrics import RelaxedMetric, largest_eigenvalue
from .transforms import Transform
from .transforms.base import DENSE as KEPT


class LinearSolver(Protocol):
    """Solves metric ξ = g.

    `previous` is the last solution of the run, or None at its start. v is the field (n, d) with
    g = E[Jᵀv], or None where g is no such average (the gradient form).
    """

    def solve(
        self,
        metric: RelaxedMetric,
        g: Tensor,
        previous: Solution | None = None,
        v: Tensor | None = None,
    ) -> Solution: ...


@dataclass(frozen=True)
class Minres:
    """MINRES on (G + shift·λ_max(G) I) ξ = g by products only, started from the last ξ.

    The loose tolerance is a regulariser: an early stop leaves the directions alone that the
    sample does not determine. λ_max comes from the last solve, at first from a power iteration.
    With `least_norm`, ξ = G†g also where g has a part outside the range of G, from zero every time
    and for twice the products; it needs shift = 0.

    Raises `ValueError` for a tolerance that is not positive, a negative shift, no iterations, or
    `least_norm` with a shift.
    """

    tol: float = 1e-3
    max_iterations: int = 100
    shift: float = 1e-5
    warm_start: bool = True
    least_norm: bool = False

    def __post_init__(self) -> None:
        check_positive("tol", self.tol)
        check_count("max_iterations", self.max_iterations)
        check_type("warm_start", self.warm_start, bool)
        check_type("least_norm", self.least_norm, bool)
        check_not_negative("shift", self.shift)
        if self.least_norm and self.shift:
            raise ValueError(f"shift must be 0 with least_norm, got {self.shift!r}")

    def solve(
        self,
        metric: RelaxedMetric,
        g: Tensor,
        previous: Solution | None = None,
        v: Tensor | None = None,
    ) -> Solution:
        if self.least_norm:
            return least_norm(metric.matvec, g, self.tol, self.max_iterations)
        largest = previous.largest if previous else 0.0
        if self.shift:
            largest = largest or largest_eigenvalue(metric.matvec, g)
            if not math.isfinite(largest):
                return _not_finite(g)
            metric = metric.shifted(self.shift * largest)
        x0 = previous.x if previous and self.warm_start else None
        return minres(metric.matvec, g, x0, self.tol, self.max_iterations)


@dataclass(frozen=True)
class Dense:
    """ξ = (G + shift·λ_max I)† g from the eigenvalues of G, those below cutoff·λ_max left out.

    The "direct evaluation" of the slides: m² numbers of memory, m³ operations. A residual is
    what cut-off and shift leave of g; the status is `inconsistent` when it exceeds the root of
    the larger of the two.

    Raises `ValueError` for a cut-off that is not positive or a negative shift.
    """

    cutoff: float = 1e-10
    shift: float = 0.0

    def __post_init__(self) -> None:
        check_positive("cutoff", self.cutoff)
        check_not_negative("shift", self.shift)

    def solve(
        self,
        metric: RelaxedMetric,
        g: Tensor,
        previous: Solution | None = None,
        v: Tensor | None = None,
    ) -> Solution:
        matrix = metric.dense()
        if not bool(torch.isfinite(matrix).all() and torch.isfinite(g).all()):
            return _not_finite(g)
        x, largest = self._by_eigenvalues(matrix, g)
        return self._report(x, g, g - matrix @ x, largest)

    def _by_eigenvalues(self, matrix: Tensor, g: Tensor) -> tuple[Tensor, float]:
        """(matrix + shift·λ_max I)† g with the cut-off, and λ_max."""
        values, vectors = torch.linalg.eigh(matrix)
        largest = float(values[-1])
        keep = values > self.cutoff * largest
        basis = vectors[:, keep]
        return basis @ ((basis.T @ g) / (values[keep] + self.shift * largest)), largest

    def _report(self, x: Tensor, g: Tensor, r: Tensor, largest: float) -> Solution:
        """The solution with the residual r = g − G ξ."""
        g_norm = float(torch.linalg.vector_norm(g))
        residual = float(torch.linalg.vector_norm(r)) / g_norm if g_norm else 0.0
        allowed = math.sqrt(max(self.cutoff, self.shift))
        status = Status.CONVERGED if residual <= allowed else Status.INCONSISTENT
        return Solution(x, residual, 1, status, largest)


@dataclass(frozen=True)
class Dual(Dense):
    """The ξ of `Dense` from matrices of size n d, for few samples: n d < m.

    For Ĝ it minimises |Jξ − v|² + n ε |ξ|², ε = shift·λ_max, by ξ = Jᵀ(JJᵀ + n ε I)†v; for
    ε = 0 it is the least-squares solution of least norm. In any metric E[JᵀKJ], with Jᵀ = √n W R
    and WᵀW = I, ξ = W c where (R K Rᵀ + ε I) c = R v/√n. Memory n d m, operations (n d)² m.

    It needs the field v with g = E[Jᵀv]. The gradient form is refused: the part of a sample's ∇_θF
    outside the range of Jᵀ has no dual, and would be dropped without a word.

    Raises `ValueError` as `Dense` does, and without v.

    >>> from pwgf_core import Affine, RelaxedMetric
    >>> z, v = torch.tensor([[1.0]]), torch.tensor([[4.0]])
    >>> T = Affine(1)  # x = u z + b
    >>> metric = RelaxedMetric(T.jacobian(torch.tensor([1.0, 0.0]), z))
    >>> Dual().solve(metric, metric.right_hand_side(v), v=v).x
    tensor([2.0000, 2.0000])
    """

    def solve(
        self,
        metric: RelaxedMetric,
        g: Tensor,
        previous: Solution | None = None,
        v: Tensor | None = None,
    ) -> Solution:
        check_single("Dual, whose matrix couples all points,")
        if v is None:
            raise ValueError(
                "v must be the field (n, d) with g = E[Jᵀv], got None: the dual system is one for "
                "fields, and g = −∇_θF of a sample comes from none; use form='velocity' or "
                "another solver"
            )
        rows = metric.jacobian.rows()
        n, d, _ = rows.shape
        check_shape("v", v, (n, d))
        if not bool(torch.isfinite(rows).all() and torch.isfinite(v).all()):
            return _not_finite(g)
        w, r = torch.linalg.qr(rows.flatten(0, 1).T / n**0.5)
        fields = r.T.unflatten(0, (n, d))
        weighed = metric.weigh(fields).flatten(0, 1)
        matrix = r @ weighed
        matrix = (matrix + matrix.T) / 2
        matrix.diagonal().add_(metric.shift)
        c, largest = self._by_eigenvalues(matrix, r @ v.flatten() / n**0.5)
        x = w @ c
        return self._report(x, g, g - metric.matvec(x), largest)


@dataclass(frozen=True)
class Auto:
    """The quickest of `Minres`, `Dense` and `Dual` for (G + shift·λ_max(G) I) ξ = g, by its sizes.

    The rule: the least of these estimates in nanoseconds, fitted to one core in double precision,
    with N samples, m parameters and k = 45 log₁₀(1/tol) − 117 iterations, between 5 and the
    smaller of m and N d.

    | solver | estimate |
    |---|---|
    | `Minres` | k (4·10⁵ + 0.4 N m (1 + 10/d)), or R + k (2·10⁵ + 2 N d m) for a J that is kept |
    | `Dense`  | R + 0.03 N d m² + 0.15 m³ |
    | `Dual`   | R + 0.18 (N d)² m + 0.15 (N d)³, given v and one process only |

    R = 10⁶ + 6·10³ m + 20 N d m is for the rows of J, which it keeps where the family has no
    products of its own. `tol` is that of MINRES; the others solve to rounding.

    Raises `ValueError` for a tolerance that is not positive or a negative shift.

    >>> from pwgf_core import Planar, TwoLayerReLU
    >>> Auto().choose(Planar(30, 60), 2000)
    Minres(tol=0.001, max_iterations=100, shift=1e-05, warm_start=True, least_norm=False)
    >>> Auto().choose(TwoLayerReLU(32), 1000)
    Dense(cutoff=1e-10, shift=1e-05)
    """

    tol: float = 1e-3
    shift: float = 1e-5

    def __post_init__(self) -> None:
        check_positive("tol", self.tol)
        check_not_negative("shift", self.shift)

    def choose(self, transform: Transform, n: int, with_v: bool = True) -> LinearSolver:
        """The solver for n samples; `with_v` says whether g = E[Jᵀv] of a field v."""
        check_type("transform", transform, Transform)
        check_count("n", n)
        k = max(5, min(45 * math.log10(1 / self.tol) - 117, transform.n_params, n * transform.dim))
        times = estimates(transform, n, k)
        if not with_v or world().size > 1:
            del times["dual"]
        quickest = min(times, key=lambda name: times[name])
        if quickest == "minres":
            limit = max(100, 5 * round(k))
            return Minres(self.tol, limit, self.shift)
        return (Dense if quickest == "dense" else Dual)(shift=self.shift)

    def solve(
        self,
        metric: RelaxedMetric,
        g: Tensor,
        previous: Solution | None = None,
        v: Tensor | None = None,
    ) -> Solution:
        jacobian = metric.jacobian
        solver = self.choose(jacobian.transform, jacobian.n, v is not None)
        return solver.solve(metric, g, previous, v)


def estimates(transform: Transform, n: int, iterations: float) -> dict[str, float]:
    """Nanoseconds of a solve by `minres`, `dense` and `dual`, as `Auto` documents them."""
    m, d = float(transform.n_params), float(transform.dim)
    equations = n * d
    rows = 1e6 + 6e3 * m + 20 * equations * m
    if type(transform).jacobian is Transform.jacobian and equations * m <= KEPT:
        products = rows + iterations * (2e5 + 2 * equations * m)
    else:
        products = iterations * (4e5 + 0.4 * n * m * (1 + 10 / d))
    return {
        "minres": products,
        "dense": rows + 0.03 * equations * m**2 + 0.15 * m**3,
        "dual": rows + 0.18 * equations**2 * m + 0.15 * equations**3,
    }


def _not_finite(g: Tensor) -> Solution:
    return Solution(torch.zeros_like(g), math.inf, 1, Status.NON_FINITE, 0.0)
