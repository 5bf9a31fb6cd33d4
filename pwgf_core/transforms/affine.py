"""Affine maps x = U z + b, with a full or a structured matrix."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Generator, Tensor

from ..errors import NumericalError, check_choice, check_count, check_memory
from .base import Jacobian, Transform

KINDS = ("full", "triangular", "diagonal", "translation")
SINGULAR = "the matrix of the affine map is singular; use a smaller step h or more samples"


class Affine(Transform):
    """T_θ(z) = U z + b, θ = (free entries of U row by row, b).

    `kind` says which entries of U are free: `full` (d² of them), `triangular` (lower),
    `diagonal`, or `translation` (none); the others are those of the identity. With λ = N(0, I)
    the relaxed metric of every kind is the identity matrix.

    Raises `ValueError` for an unknown kind, `NumericalError` when U becomes singular.

    >>> T = Affine(2)
    >>> theta = T.init(torch.Generator())
    >>> T(theta + 1, torch.zeros(1, 2, dtype=theta.dtype))
    tensor([[1., 1.]], dtype=torch.float64)
    """

    def __init__(self, dim: int, kind: str = "full") -> None:
        check_count("dim", dim)
        check_choice("kind", kind, KINDS)
        check_memory("dim", dim, 3 * dim**2)
        self.dim, self.kind = dim, kind
        ones = torch.ones(dim, dim)
        mask = {
            "full": ones,
            "triangular": ones.tril(),
            "diagonal": torch.eye(dim),
            "translation": torch.zeros(dim, dim),
        }[kind]
        self.free = mask.reshape(-1).nonzero()[:, 0]
        self.n_params = len(self.free) + dim

    def __repr__(self) -> str:
        return f"Affine({self.dim}, {self.kind!r})"

    def init(
        self,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """The identity: U = I, b = 0. Nothing is drawn."""
        return self.join(torch.eye(self.dim, dtype=dtype), torch.zeros(self.dim, dtype=dtype)).to(
            device
        )

    def join(self, u: Tensor, b: Tensor) -> Tensor:
        """U (d, d), b (d,) → θ, leaving out the entries of U that are not free."""
        return torch.cat([u.reshape(-1)[self.free.to(u.device)], b])

    def split(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """θ → U (d, d), b (d,)."""
        linear, b = self._split(theta)
        eye = torch.eye(self.dim, dtype=theta.dtype, device=theta.device).reshape(-1)
        fixed = eye.index_fill(0, self.free.to(theta.device), 0.0)
        return linear + fixed.reshape(self.dim, self.dim), b

    def _split(self, dtheta: Tensor) -> tuple[Tensor, Tensor]:
        """The tangent dθ → dU (zero where U is not free), db."""
        entries, b = dtheta.split([len(self.free), self.dim])
        flat = dtheta.new_zeros(self.dim**2).index_put((self.free.to(dtheta.device),), entries)
        return flat.reshape(self.dim, self.dim), b

    def __call__(self, theta: Tensor, z: Tensor) -> Tensor:
        u, b = self.split(theta)
        return z @ u.T + b

    def with_logdet(self, theta: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        logdet = torch.linalg.slogdet(self.split(theta)[0]).logabsdet
        return self(theta, z), logdet.expand(len(z))

    def inverse(self, theta: Tensor, x: Tensor) -> Tensor:
        """z = U⁻¹(x − b)."""
        self.check(theta, x, "x")
        u, b = self.split(theta)
        z, failed = torch.linalg.solve_ex(u, (x - b).T)
        if failed:
            raise NumericalError(SINGULAR)
        return z.T.contiguous()

    def jacobian(self, theta: Tensor, z: Tensor) -> AffineJacobian:
        return AffineJacobian(self, theta, z)


class AffineJacobian(Jacobian):
    """J dθ = dU z + db, in closed form."""

    transform: Affine

    @cached_property
    def inverse_matrix(self) -> Tensor:
        """U⁻¹, shape (d, d)."""
        inverse, failed = torch.linalg.inv_ex(self.transform.split(self.theta)[0])
        if failed:
            raise NumericalError(SINGULAR)
        return inverse

    def jvp(self, dtheta: Tensor, dz: Tensor | None = None) -> Tensor:
        du, db = self.transform._split(dtheta)
        dx = self.z @ du.T + db
        return dx if dz is None else dx + dz @ self.transform.split(self.theta)[0].T

    def pullback(self, r: Tensor, q: Tensor | None = None) -> tuple[Tensor, Tensor]:
        du = r.T @ self.z
        if q is not None:
            du = du + q.sum() * self.inverse_matrix.T
        return self.transform.join(du, r.sum(0)), r @ self.transform.split(self.theta)[0]

    def rows(self) -> Tensor:
        eye = torch.eye(self.transform.dim, dtype=self.z.dtype, device=self.z.device)
        by_u = torch.einsum("ik,nj->nikj", eye, self.z).flatten(2)
        by_u = by_u[:, :, self.transform.free.to(self.z.device)]
        return torch.cat([by_u, eye.expand(self.n, -1, -1)], 2)

    def score(self, score_z: Tensor) -> Tensor:
        return score_z @ self.inverse_matrix
