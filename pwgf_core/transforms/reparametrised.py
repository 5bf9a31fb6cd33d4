"""The maps of a transform, in other parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Generator, Tensor
from torch.func import jacrev, jvp, vjp

from ..errors import check_shape
from .base import Jacobian, Kinks, Transform


class Reparametrised(Transform):
    """T_η = T_θ with θ = φ(η), and J_η = J_θ Dφ.

    `phi` maps η (k,) to the parameters (m,) of `inner`, differentiable by `torch.func`; `start`,
    shape (k,), is the first η. For k = m and Dφ invertible the family of maps stays the same near
    a point, and so do the flows of G and Ĝ; for k < m it is a part of it.

    Raises `ValueError` if φ(start) is no parameter vector of `inner`.

    >>> from pwgf_core import Affine
    >>> phi = lambda eta: torch.stack([eta[0].exp(), eta[1]])
    >>> T = Reparametrised(Affine(1), phi, torch.zeros(2))
    >>> T(torch.tensor([0.0, 3.0]), torch.ones(1, 1))  # z e^{η₀} + η₁
    tensor([[4.]])
    """

    def __init__(self, inner: Transform, phi: Callable[[Tensor], Tensor], start: Tensor) -> None:
        check_shape("start", start, (None,))
        check_shape("phi(start)", phi(start), (inner.n_params,))
        self.inner, self.phi, self.start = inner, phi, start
        self.dim, self.n_params = inner.dim, len(start)
        self.smooth = inner.smooth

    def __repr__(self) -> str:
        return f"Reparametrised({self.inner!r}, {self.n_params})"

    def init(
        self,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """`start`. Nothing is drawn."""
        return self.start.to(device, dtype, copy=True)

    def __call__(self, theta: Tensor, z: Tensor) -> Tensor:
        return self.inner(self.phi(theta), z)

    def with_logdet(self, theta: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.inner.with_logdet(self.phi(theta), z)

    def kinks(self, theta: Tensor) -> Kinks | None:
        return self.inner.kinks(self.phi(theta))

    def inverse(self, theta: Tensor, x: Tensor) -> Tensor:
        self.check(theta, x)
        return self.inner.inverse(self.phi(theta), x)

    def jacobian(self, theta: Tensor, z: Tensor) -> ReparametrisedJacobian:
        return ReparametrisedJacobian(self, theta, z)


class ReparametrisedJacobian(Jacobian):
    """J_θ Dφ, with the Jacobian of the inner transform."""

    transform: Reparametrised

    def __init__(self, transform: Reparametrised, theta: Tensor, z: Tensor) -> None:
        super().__init__(transform, theta, z)
        self.inner = transform.inner.jacobian(transform.phi(self.theta), z)

    @cached_property
    def x(self) -> Tensor:
        return self.inner.x

    @cached_property
    def logdet(self) -> Tensor:
        return self.inner.logdet

    def jvp(self, dtheta: Tensor, dz: Tensor | None = None) -> Tensor:
        moved = jvp(self.transform.phi, (self.theta,), (dtheta,))[1]
        # torch's forward mode promotes numbers without dimensions to double precision
        return self.inner.jvp(moved.to(self.theta.dtype), dz)

    def pullback(self, r: Tensor, q: Tensor | None = None) -> tuple[Tensor, Tensor]:
        by_inner, by_z = self.inner.pullback(r, q)
        return vjp(self.transform.phi, self.theta)[1](by_inner)[0], by_z

    def rows(self) -> Tensor:
        return self.inner.rows() @ jacrev(self.transform.phi)(self.theta)

    def score(self, score_z: Tensor) -> Tensor:
        return self.inner.score(score_z)
