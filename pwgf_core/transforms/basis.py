"""Basis expansions: maps that are linear in θ, so that J does not depend on θ."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Generator, Tensor
from torch.func import jacfwd, vjp, vmap

from ..errors import check_count, check_function, check_type
from .base import Jacobian, Transform
from .inverse import check_orientation

# n: sample, i and j: coordinates, k: scalar function, m: parameter
SUMS = {
    "scalar": ("nk,ki->ni", "nk,ni->ki", "nkj,ki->nij", "nij,nkj->ki"),
    "vector": ("nim,m->ni", "nim,ni->m", "nimj,m->nij", "nij,nimj->m"),
}


class Basis(Transform):
    """T_θ(z) = z + Σ_k θ_k φ_k(z), with given functions φ_k.

    `features` maps (n, d) to (n, K): scalar functions φ_k, each with a vector θ_k ∈ R^d, so that
    θ has shape (K, d) before flattening and m = K d; or to (n, d, m): vector fields φ_k, each with
    a number θ_k. Fields that are gradients keep T_θ a gradient. See `Polynomials`, `Fourier`,
    `Bumps` and `Ridges`, or write a function with differentiable torch operations.

    `init` is the identity exactly, θ = 0. The tangent space is the span of the fields at every θ:
    its dimension is m if they are linearly independent.

    Raises `ValueError` if `features` returns another shape, `NumericalError` when the map folds
    on the sample.

    >>> T = Basis(2, lambda z: torch.stack([z[:, 0] * z[:, 1], z.square().sum(1)], 1))
    >>> T(torch.tensor([1.0, 0.0, 0.0, 10.0]), torch.tensor([[2.0, 3.0]]))
    tensor([[  8., 133.]])
    """

    def __init__(self, dim: int, features: Callable[[Tensor], Tensor]) -> None:
        check_count("dim", dim)
        check_function("features", features)
        values = features(torch.zeros(2, dim, dtype=torch.float64))
        check_type("features(z)", values, Tensor)
        shape = tuple(values.shape)
        if shape[:1] != (2,) or len(shape) not in (2, 3) or (len(shape) == 3 and shape[1] != dim):
            raise ValueError(
                f"features must map shape (2, {dim}) to (2, any) or (2, {dim}, any), got {shape}"
            )
        self.dim, self.features = dim, features
        self.shape = (shape[1], dim) if len(shape) == 2 else shape[2:]  # of θ
        self.n_params = shape[1] * dim if len(shape) == 2 else shape[2]
        self.sums = SUMS["scalar" if len(shape) == 2 else "vector"]

    def __repr__(self) -> str:
        name = getattr(self.features, "__qualname__", None) or repr(self.features)
        return f"Basis({self.dim}, {name})"

    def init(
        self,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """θ = 0. Nothing is drawn."""
        return torch.zeros(self.n_params, dtype=dtype, device=device)

    def __call__(self, theta: Tensor, z: Tensor) -> Tensor:
        return z + torch.einsum(self.sums[0], self.features(z), theta.reshape(self.shape))

    def jacobian(self, theta: Tensor, z: Tensor) -> BasisJacobian:
        return BasisJacobian(self, theta, z)


class BasisJacobian(Jacobian):
    """J is the matrix of the functions' values; only log-det and score depend on θ."""

    transform: Basis

    def __init__(self, transform: Basis, theta: Tensor, z: Tensor) -> None:
        super().__init__(transform, theta, z)
        self.features = transform.features(z)
        self.coefficients = theta.reshape(transform.shape)

    @cached_property
    def x(self) -> Tensor:
        return self.z + torch.einsum(self.transform.sums[0], self.features, self.coefficients)

    @cached_property
    def d_features(self) -> Tensor:
        """∂_j φ_k at the points, shape (n, K, d) or (n, d, m, d)."""
        return vmap(jacfwd(lambda p: self.transform.features(p[None])[0]))(self.z)

    @cached_property
    def d_x(self) -> Tensor:
        """DT, shape (n, d, d)."""
        eye = torch.eye(self.transform.dim, dtype=self.z.dtype, device=self.z.device)
        return eye + torch.einsum(self.transform.sums[2], self.d_features, self.coefficients)

    @cached_property
    def logdet(self) -> Tensor:
        sign, logdet = torch.linalg.slogdet(self.d_x)
        check_orientation(sign, "the basis expansion")
        return logdet

    @cached_property
    def inverse_d_x(self) -> Tensor:
        """(DT)⁻¹, shape (n, d, d), where DT is nowhere singular."""
        _ = self.logdet
        return torch.linalg.inv(self.d_x)

    def _log_det_by_z(self, q: Tensor) -> Tensor:
        """q ∇_z log|det DT|, by automatic differentiation."""
        return vjp(lambda p: self.transform.with_logdet(self.theta, p)[1], self.z)[1](q)[0]

    def jvp(self, dtheta: Tensor, dz: Tensor | None = None) -> Tensor:
        sums, shape = self.transform.sums, self.transform.shape
        dx = torch.einsum(sums[0], self.features, dtheta.reshape(shape))
        return dx if dz is None else dx + (self.d_x @ dz[:, :, None])[:, :, 0]

    def vjp(self, r: Tensor, q: Tensor | None = None) -> Tensor:
        by_theta = torch.einsum(self.transform.sums[1], self.features, r)
        if q is not None:
            weighted = q[:, None, None] * self.inverse_d_x.transpose(1, 2)
            by_theta = by_theta + torch.einsum(self.transform.sums[3], weighted, self.d_features)
        return by_theta.reshape(-1)

    def pullback(self, r: Tensor, q: Tensor | None = None) -> tuple[Tensor, Tensor]:
        by_z = (r[:, None] @ self.d_x)[:, 0]
        return self.vjp(r, q), by_z if q is None else by_z + self._log_det_by_z(q)

    def rows(self) -> Tensor:
        if self.features.ndim == 3:
            return self.features.clone()
        eye = torch.eye(self.transform.dim, dtype=self.z.dtype, device=self.z.device)
        return torch.einsum("nk,ij->nikj", self.features, eye).flatten(2)

    def score(self, score_z: Tensor) -> Tensor:
        rhs = score_z - self._log_det_by_z(torch.ones_like(self.z[:, 0]))
        return (rhs[:, None] @ self.inverse_d_x)[:, 0]
