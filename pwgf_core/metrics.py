"""Metric tensors on Θ, as symmetric positive semi-definite operators frozen at (θ, z)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor

from .distributed import check_single, expectation
from .errors import (
    check_choice,
    check_count,
    check_fraction,
    check_not_negative,
    check_shape,
    check_type,
)
from .gradient_fields import KINDS, GradientFields
from .transforms.base import Jacobian


@dataclass(frozen=True)
class RelaxedMetric:
    """Ĝ = E_λ[JᵀJ] (+ ε I), the pull-back of the L²(λ) metric by θ ↦ T_θ (Jin et al. 2025).

    `matvec` never forms the matrix; `dense` is the direct evaluation of the slides.

    >>> from pwgf_core import Affine, Gaussian
    >>> z = Gaussian(2).draw(256, torch.Generator().manual_seed(0), sampling="matched")
    >>> T = Affine(2)
    >>> G = RelaxedMetric(T.jacobian(T.init(torch.Generator()), z))
    >>> bool(torch.allclose(G.dense(), torch.eye(6, dtype=z.dtype)))
    True
    """

    jacobian: Jacobian
    shift: float = 0.0

    def __post_init__(self) -> None:
        check_type("jacobian", self.jacobian, Jacobian)
        check_not_negative("shift", self.shift)

    @property
    def size(self) -> int:
        """Number of parameters m."""
        return self.jacobian.transform.n_params

    def weigh(self, field: Tensor) -> Tensor:
        """A field, with the weight that the metric gives it; here the field itself.

        Shapes (n, d) → (n, d), or (n, d, k) → (n, d, k) for k fields; linear and symmetric.
        """
        return field

    def matvec(self, v: Tensor) -> Tensor:
        """(Ĝ + ε I) v, one product with J and one with Jᵀ: (m,) → (m,)."""
        check_shape("v", v, (self.size,))
        j = self.jacobian
        plain = type(self).weigh is RelaxedMetric.weigh
        total = j.normal(v)[0] if plain else j.vjp(self.weigh(j.jvp(v)))
        product = expectation(total, j.n)
        return product + self.shift * v if self.shift else product

    def gram(self) -> Tensor:
        """Σ_n J_nᵀ K J_n with K = `weigh`, shape (m, m), summed over blocks of samples."""
        total = self.jacobian.theta.new_zeros(self.size, self.size)
        for _, rows in self.jacobian.row_blocks():
            flat = rows.flatten(0, 1)
            total.addmm_(flat.T, flat)
        return total

    def dense(self) -> Tensor:
        """The matrix, shape (m, m).

        Memory: a few times m² + `transforms.base.BLOCK` numbers, however many samples there are.
        """
        matrix = expectation(self.gram(), self.jacobian.n)
        matrix = (matrix + matrix.T) / 2
        matrix.diagonal().add_(self.shift)
        return matrix

    def shifted(self, epsilon: float) -> Self:
        """The metric plus ε I, ε ≥ 0."""
        return replace(self, shift=self.shift + epsilon)

    def right_hand_side(self, v: Tensor) -> Tensor:
        """g = E[Jᵀ v] for a field v of shape (n, d) given at the points: (m,)."""
        return expectation(self.jacobian.vjp(v), self.jacobian.n)


@dataclass(frozen=True)
class WassersteinMetric(RelaxedMetric):
    """G = E[(PJ)ᵀPJ], the pull-back of the Wasserstein metric (Liu et al. 2022).

    P projects a field on the gradients ∇ψ in L²(ρ_θ), the solution of ∇·(ρ∇ψ) = ∇·(ρ J_k) for
    each column, restricted to the span of `fields`. As a projection on fewer gradients it never
    makes G larger than Ĝ. With floor ε > 0 the metric is (1 − ε) G + ε Ĝ: the kernel of the
    restricted G is larger than that of G, and along it a flow would follow the sample's noise.
    """

    fields: GradientFields = field(kw_only=True)
    floor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_type("fields", self.fields, GradientFields)
        check_fraction("floor", self.floor)
        points = (self.jacobian.n, self.jacobian.transform.dim)
        if self.fields.x.shape != points:
            raise ValueError(f"fields must be of points {points}, got {tuple(self.fields.x.shape)}")

    def weigh(self, field: Tensor) -> Tensor:
        """(1 − ε) P field + ε field."""
        gradient = self.fields.project(field)
        return torch.lerp(gradient, field, self.floor) if self.floor else gradient

    def gram(self) -> Tensor:
        """(1 − ε) (QᵀJ)ᵀQᵀJ + ε JᵀJ, Q the orthonormal basis of the gradient fields."""
        basis = self.fields.basis.reshape(*self.jacobian.x.shape, -1)
        inner = basis.new_zeros(basis.shape[2], self.size)
        for part, rows in self.jacobian.row_blocks():
            inner.addmm_(basis[part].flatten(0, 1).T, rows.flatten(0, 1))
        gradient = inner.T @ inner
        return torch.lerp(gradient, super().gram(), self.floor) if self.floor else gradient


@dataclass(frozen=True)
class CurvedMetric(RelaxedMetric):
    """E[Jᵀ(K + h V″₊)J] of a metric E[JᵀKJ], V″₊ the positive part of the potential's Hessian.

    The matrix of a linearised implicit step of size h, and the preconditioner of an implicit one.
    """

    inner: RelaxedMetric = field(kw_only=True)
    hessian: Tensor = field(kw_only=True)
    h: float = field(kw_only=True)

    def weigh(self, field: Tensor) -> Tensor:
        curvature = torch.einsum("nij,nj...->ni...", self.hessian, field)
        return self.inner.weigh(field) + self.h * curvature

    def gram(self) -> Tensor:
        total = self.inner.gram()
        for part, rows in self.jacobian.row_blocks():
            curved = torch.einsum("nij,njk->nik", self.hessian[part], rows)
            total.addmm_(rows.flatten(0, 1).T, curved.flatten(0, 1), alpha=self.h)
        return total


def positive_part(hessian: Tensor) -> Tensor:
    """Symmetric matrices (n, d, d) with their negative eigenvalues set to zero."""
    values, vectors = torch.linalg.eigh(hessian)
    return (vectors * values.clamp(min=0)[:, None, :]) @ vectors.transpose(1, 2)


@dataclass(frozen=True)
class Relaxed:
    """Chooses Ĝ for a scheme."""

    def __call__(self, jacobian: Jacobian, v: Tensor | None = None) -> RelaxedMetric:
        return RelaxedMetric(jacobian)


@dataclass(frozen=True)
class Wasserstein:
    """Chooses G for a scheme, on `GradientFields` with these options and the velocity v itself.

    With v among the fields the right-hand side E[Jᵀv] lies in the range of G on the sample.
    Keep the number of fields below n d/20: more would fit the sample and raise G towards Ĝ.

    Raises `ValueError` for settings out of range.
    """

    features: int = 100
    kind: str = "fourier"
    degree: int = 2
    floor: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        check_count("features", self.features, 0)
        check_choice("kind", self.kind, KINDS)
        check_count("degree", self.degree)
        check_fraction("floor", self.floor)
        check_count("seed", self.seed, 0)

    def __call__(self, jacobian: Jacobian, v: Tensor | None = None) -> WassersteinMetric:
        check_single("the Wasserstein metric")
        fields = GradientFields(jacobian.x, self.features, self.kind, self.degree, self.seed, v)
        return WassersteinMetric(jacobian, fields=fields, floor=self.floor)


MetricChoice = Callable[[Jacobian, Tensor | None], RelaxedMetric]


def largest_eigenvalue(matvec: Callable[[Tensor], Tensor], start: Tensor, steps: int = 12) -> float:
    """Largest eigenvalue of a positive semi-definite operator by power iteration, from below."""
    value, v = 0.0, start
    for _ in range(steps):
        norm = torch.linalg.vector_norm(v)
        if not float(norm) > 0:
            break
        v = matvec(v / norm)
        value = float(torch.linalg.vector_norm(v))
    return value
