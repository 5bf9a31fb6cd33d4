"""Residual networks: the identity plus a perceptron with one hidden layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from ..errors import check_choice, check_count, check_positive
from .base import Jacobian, Transform
from .inverse import check_orientation


class Activation(NamedTuple):
    """σ, and σ′ and σ″ as functions of (a, σ(a))."""

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor, Tensor], Tensor]
    curvature: Callable[[Tensor, Tensor], Tensor]


ACTIVATIONS = {
    "tanh": Activation(torch.tanh, lambda a, t: 1 - t * t, lambda a, t: -2 * t * (1 - t * t)),
    "relu": Activation(torch.relu, lambda a, t: (a > 0).to(a), lambda a, t: torch.zeros_like(a)),
}


class Residual(Transform):
    """T_θ(z) = A z + c + U σ(W z + b), with σ = tanh or relu and K hidden units.

    θ = (A, c, U, W, b) flattened, A of shape (d, d), c (d,), U (d, K), W (K, d), b (K,):
    m = d² + d + (2d + 1) K.

    `init` starts at the identity exactly (A = I, U = 0). Its tangent space is that of affine maps
    plus d directions for each of the K functions σ(w_k·z + b_k): rank d (d + 1 + K) where these
    and 1, z are linearly independent. The rows w_k are drawn from N(0, `scale`²I), by default
    with `scale` = 2.5 √(2/d); the biases b_k = −w_k·p_k place the kink or the steep part of unit k
    at a point p_k ~ N(0, I). In the plane 64 to 96 units of this scale served best.

    With relu the derivative jumps at the kinks, and so does ρ_θ: `score` is that of the smooth
    pieces, and the schemes refuse an energy with log ρ.

    Raises `ValueError` if `dim` or `width` is no positive integer, `scale` is not positive or the
    activation is unknown, `NumericalError` when the map folds on the sample.

    >>> T = Residual(2, 64)
    >>> theta = T.init(torch.Generator().manual_seed(0))
    >>> z = torch.ones(3, 2, dtype=theta.dtype)
    >>> theta.shape, bool((T(theta, z) == z).all())
    (torch.Size([326]), True)
    """

    def __init__(
        self, dim: int, width: int, activation: str = "tanh", scale: float | None = None
    ) -> None:
        check_count("dim", dim)
        check_count("width", width)
        check_choice("activation", activation, ACTIVATIONS)
        scale = 2.5 * math.sqrt(2 / dim) if scale is None else scale
        check_positive("scale", scale)
        self.dim, self.width, self.activation, self.scale = dim, width, activation, scale
        self.smooth = activation != "relu"
        self.sizes = [dim * dim, dim, dim * width, width * dim, width]
        self.n_params = sum(self.sizes)

    def __repr__(self) -> str:
        return f"Residual({self.dim}, {self.width}, {self.activation!r}, scale={self.scale:.4g})"

    def init(
        self,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        d, k = self.dim, self.width
        w, p = torch.randn(
            2, k, d, generator=generator, device=generator.device, dtype=torch.float64
        )
        w = self.scale * w
        zeros = w.new_zeros(d + d * k)  # c and U
        b = -(w * p).sum(1)
        eye = torch.eye(d, dtype=w.dtype, device=w.device).reshape(-1)
        return torch.cat([eye, zeros, w.reshape(-1), b]).to(device, dtype)

    def split(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """θ → A (d, d), c (d,), U (d, K), W (K, d), b (K,)."""
        d, k = self.dim, self.width
        a, c, u, w, b = theta.split(self.sizes)
        return a.reshape(d, d), c, u.reshape(d, k), w.reshape(k, d), b

    def __call__(self, theta: Tensor, z: Tensor) -> Tensor:
        a, c, u, w, b = self.split(theta)
        return z @ a.T + c + ACTIVATIONS[self.activation].value(z @ w.T + b) @ u.T

    def with_logdet(self, theta: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        a, c, u, w, b = self.split(theta)
        sigma = ACTIVATIONS[self.activation]
        hidden = z @ w.T + b
        t = sigma.value(hidden)
        d_x = a + (u * sigma.slope(hidden, t)[:, None]) @ w
        return z @ a.T + c + t @ u.T, torch.linalg.slogdet(d_x).logabsdet

    def jacobian(self, theta: Tensor, z: Tensor) -> ResidualJacobian:
        return ResidualJacobian(self, theta, z)


class ResidualJacobian(Jacobian):
    """With s = σ′(W z + b) and M = (DT)⁻¹, DT = A + U diag(s) W: products of small matrices.

    ∂ log|det DT| / ∂s_k = (W M U)_kk =: g_k, so that a cotangent q of the log-determinant reaches
    the hidden units as q g ⊙ σ″. Samples are rows.
    """

    transform: Residual

    def __init__(self, transform: Residual, theta: Tensor, z: Tensor) -> None:
        super().__init__(transform, theta, z)
        self.sigma = ACTIVATIONS[transform.activation]
        self.a, self.c, self.u, self.w, b = transform.split(theta)
        self.hidden = z @ self.w.T + b
        self.t = self.sigma.value(self.hidden)
        self.slope = self.sigma.slope(self.hidden, self.t)

    @cached_property
    def x(self) -> Tensor:
        return self.z @ self.a.T + self.c + self.t @ self.u.T

    @cached_property
    def d_x(self) -> Tensor:
        """DT, shape (n, d, d)."""
        return self.a + (self.u * self.slope[:, None]) @ self.w

    @cached_property
    def logdet(self) -> Tensor:
        sign, logdet = torch.linalg.slogdet(self.d_x)
        check_orientation(sign, "the residual map")
        return logdet

    @cached_property
    def inverse_d_x(self) -> Tensor:
        """M = (DT)⁻¹, shape (n, d, d), where DT is nowhere singular."""
        _ = self.logdet
        return torch.linalg.inv(self.d_x)

    @cached_property
    def log_det_slope(self) -> Tensor:
        """g_k = (W M U)_kk = ∂ log|det DT| / ∂s_k, shape (n, K)."""
        return ((self.inverse_d_x.transpose(1, 2) @ self.w.T) * self.u).sum(1)

    @cached_property
    def log_det_gradient(self) -> Tensor:
        """∂ log|det DT| / ∂(W z + b) = g ⊙ σ″, shape (n, K)."""
        return self.log_det_slope * self.sigma.curvature(self.hidden, self.t)

    def jvp(self, dtheta: Tensor, dz: Tensor | None = None) -> Tensor:
        da, dc, du, dw, db = self.transform.split(dtheta)
        d_hidden = self.z @ dw.T + db
        dx = self.z @ da.T + dc + self.t @ du.T
        if dz is not None:
            d_hidden, dx = d_hidden + dz @ self.w.T, dx + dz @ self.a.T
        return dx + (self.slope * d_hidden) @ self.u.T

    def pullback(self, r: Tensor, q: Tensor | None = None) -> tuple[Tensor, Tensor]:
        hidden = self.slope * (r @ self.u)  # cotangent of W z + b
        if q is not None:
            hidden = hidden + q[:, None] * self.log_det_gradient
        a, c, u, w, b = r.T @ self.z, r.sum(0), r.T @ self.t, hidden.T @ self.z, hidden.sum(0)
        if q is not None:
            m = self.inverse_d_x.transpose(1, 2)
            a = a + torch.einsum("n,nij->ij", q, m)
            u = u + torch.einsum("n,nik,nk->ik", q, m @ self.w.T, self.slope)
            w = w + torch.einsum("n,nkj,nk->kj", q, self.u.T @ m, self.slope)
        by_theta = torch.cat([p.reshape(-1) for p in (a, c, u, w, b)])
        return by_theta, r @ self.a + hidden @ self.w

    def rows(self) -> Tensor:
        d = self.transform.dim
        eye = torch.eye(d, dtype=self.z.dtype, device=self.z.device)
        by_b = self.u * self.slope[:, None]  # (n, d, K)
        return torch.cat(
            [
                torch.einsum("ik,nj->nikj", eye, self.z).flatten(2),
                eye.expand(self.n, d, d),
                torch.einsum("ij,nk->nijk", eye, self.t).flatten(2),
                (by_b[..., None] * self.z[:, None, None]).flatten(2),
                by_b,
            ],
            2,
        )

    def score(self, score_z: Tensor) -> Tensor:
        rhs = score_z - self.log_det_gradient @ self.w
        return (rhs[:, None] @ self.inverse_d_x)[:, 0]
