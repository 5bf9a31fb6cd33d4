"""Finite-dimensional spaces of gradient fields ∇ψ on a sample, and the projection on them."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Generator, Tensor

from .errors import check_alike, check_choice, check_count, check_memory, check_points, check_real

KINDS = ("fourier", "tanh")
CUTOFF = 1e-10  # singular values of the normalised fields below this part are rounding


def whitening(x: Tensor) -> tuple[Tensor, Tensor]:
    """x̄ and L⁻¹ of points x (n, d) with the covariance LLᵀ, L lower triangular: (d,), (d, d)."""
    mean = x.mean(0)
    centred = x - mean
    covariance = centred.T @ centred / len(x)
    eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    jitter = 1e-12 * torch.trace(covariance).clamp_min(1e-30)
    factor = torch.linalg.cholesky(covariance + jitter * eye)
    return mean, torch.linalg.solve_triangular(factor, eye, upper=False)


class GradientFields:
    """span{∇ψ} at the points x (n, d) for polynomials, ridge functions and one given field.

    In whitened coordinates y = L⁻¹(x − x̄), ψ runs over the monomials of y up to `degree`, and
    over `features` ridge functions cos(ω·y + b) (`fourier`) or log cosh(ω·y + b) (`tanh`, whose
    gradient is a tanh), ω ~ N(0, I)/ℓ with ℓ = ½ and 1 in one and two dimensions and √d above.
    `extra` (n, d) is one more gradient field, such as a velocity −∇δF/δρ. The quadratic part is
    indispensable: it alone is exact for affine maps of a Gaussian.

    Raises `ValueError` for an unknown kind, a degree below 1 or above 2 for d > 1, or shapes
    that disagree.

    >>> x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0)).double()
    >>> fields = GradientFields(x, features=20)
    >>> rotation = torch.stack([-x[:, 1], x[:, 0]], 1)
    >>> bool(torch.allclose(fields.project(x), x))  # x = ∇|x|²/2
    True
    >>> float(fields.project(rotation).norm() / rotation.norm()) < 0.3
    True
    """

    def __init__(
        self,
        x: Tensor,
        features: int = 100,
        kind: str = "fourier",
        degree: int = 2,
        seed: int = 0,
        extra: Tensor | None = None,
    ) -> None:
        check_points("x", x)
        check_count("features", features, 0)
        check_count("degree", degree)
        check_choice("kind", kind, KINDS)
        n, d = x.shape
        if d > 1 and degree > 2:
            raise ValueError(f"degree must be 1 or 2 in {d} dimensions, got {degree}")
        check_count("seed", seed, 0)
        check_memory("features", features, float(n) * d * features)
        if extra is not None:
            check_real("extra", extra, (n, d))
            check_alike("extra", extra, "x", x)
        self.x, self.features, self.kind, self.degree = x, features, kind, degree
        self.seed, self.extra = seed, extra

    @cached_property
    def gradients(self) -> Tensor:
        """∇ψ at the points, one column per ψ, shape (n d, M)."""
        n, d = self.x.shape
        eye = torch.eye(d, dtype=self.x.dtype, device=self.x.device)
        mean, whiten = whitening(self.x)
        y = (self.x - mean) @ whiten.T
        columns = [eye.expand(n, d, d)]
        if self.degree >= 2 and d > 1:  # y_i e_j + y_j e_i for i ≤ j
            i, j = torch.triu_indices(d, d, device=y.device)
            columns.append(y[:, i, None] * eye[j] + y[:, j, None] * eye[i])
            columns[-1] = columns[-1].transpose(1, 2)
        elif self.degree >= 2:
            columns.append(torch.stack([y**p for p in range(1, self.degree)], 2))
        if self.features:
            generator = Generator().manual_seed(self.seed)
            omega = torch.randn(self.features, d, generator=generator, dtype=torch.float64)
            omega = (omega / (d**0.5 if d > 2 else d / 2)).to(y)
            shift = torch.rand(self.features, generator=generator, dtype=torch.float64)
            if self.kind == "fourier":
                slope = torch.sin(y @ omega.T + (2 * torch.pi * shift).to(y))
            else:
                slope = torch.tanh(y @ omega.T + (6 * shift - 3).to(y))
            columns.append(slope[:, None, :] * omega.T)
        # ∇_x ψ(L⁻¹(x − x̄)) = L⁻ᵀ ∇_y ψ
        stacked = torch.cat(columns, 2)
        stacked = torch.einsum("ij,njk->nik", whiten.T, stacked)
        if self.extra is not None:
            stacked = torch.cat([stacked, self.extra[:, :, None]], 2)
        return stacked.reshape(n * d, -1)

    @cached_property
    def basis(self) -> Tensor:
        """Orthonormal columns with the span of `gradients`, shape (n d, r)."""
        columns = self.gradients
        norms = torch.linalg.vector_norm(columns, dim=0)
        q, r = torch.linalg.qr(columns / norms.clamp_min(torch.finfo(norms.dtype).tiny))
        left, values, _ = torch.linalg.svd(r)
        cutoff = max(CUTOFF, 10 * torch.finfo(columns.dtype).eps)
        return q @ left[:, values > cutoff * values[0]]

    def project(self, field: Tensor) -> Tensor:
        """The gradient in the span nearest to `field` in the mean square, along the first axes.

        Shapes (n, d) → (n, d), or (n, d, k) → (n, d, k) for k fields. Raises `ValueError` for
        another shape.
        """
        rest = tuple(field.shape[2:3]) if isinstance(field, Tensor) else ()
        check_real("field", field, (*self.x.shape, *rest))
        flat = field.reshape(self.basis.shape[0], -1)
        return (self.basis @ (self.basis.T @ flat)).reshape(field.shape)
