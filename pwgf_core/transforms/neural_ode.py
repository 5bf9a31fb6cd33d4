"""Neural ordinary differential equations with a fixed number of Runge–Kutta steps."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ..errors import check_count, check_positive
from .base import Transform
from .inverse import newton_inverse


class NeuralODE(Transform):
    """T_θ(z) = x(1) of ẋ = f_θ(x, t), x(0) = z, by `steps` classical Runge–Kutta steps (RK4).

    f_θ(x, t) = B x + c + U tanh(W x + t w + b), θ = (B, c, U, W, w, b) flattened, B of shape
    (d, d), c (d,), U (d, K), W (K, d), w and b (K,): m = d² + d + (2d + 2) K. The log-determinant
    is the integral of the divergence tr B + Σ_k (1 − tanh²)(W U)_kk along the path by the same
    RK4 (Chen et al., Neural ordinary differential equations, 2018). It differs from that of the
    computed map by O(steps⁻⁴), as the map does from the exact flow, which is invertible at any θ.

    `init` starts at the identity exactly (f = 0) with the tangent space of the residual network:
    affine maps and d directions for each of the K functions ∫₀¹ tanh(w_k·z + t w_k + b_k) dt.

    Raises `ValueError` if `dim`, `width` or `steps` is no positive integer, or `scale` is not
    positive.

    >>> T = NeuralODE(2, 16)
    >>> theta = T.init(torch.Generator().manual_seed(0))
    >>> z = torch.ones(3, 2, dtype=theta.dtype)
    >>> theta.shape, bool((T(theta, z) == z).all())
    (torch.Size([102]), True)
    """

    def __init__(self, dim: int, width: int, steps: int = 8, scale: float | None = None) -> None:
        check_count("dim", dim)
        check_count("width", width)
        check_count("steps", steps)
        scale = math.sqrt(2 / dim) if scale is None else scale
        check_positive("scale", scale)
        self.dim, self.width, self.steps, self.scale = dim, width, steps, scale
        self.sizes = [dim * dim, dim, dim * width, width * dim, width, width]
        self.n_params = sum(self.sizes)

    def __repr__(self) -> str:
        return f"NeuralODE({self.dim}, {self.width}, steps={self.steps}, scale={self.scale:.4g})"

    def init(
        self,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Rows of W from N(0, `scale`²I), by default 2/d for `scale`²; each steep part at a point
        of N(0, I) for t = ½; the dependence w on time from N(0, 1)."""
        d, k = self.dim, self.width
        draws = torch.randn(
            k, 2 * d + 1, generator=generator, device=generator.device, dtype=torch.float64
        )
        w, point, by_time = self.scale * draws[:, :d], draws[:, d : 2 * d], draws[:, -1]
        b = -(w * point).sum(1) - by_time / 2
        zeros = w.new_zeros(sum(self.sizes[:3]))
        return torch.cat([zeros, w.reshape(-1), by_time, b]).to(device, dtype)

    @property
    def footprint(self) -> int:
        """Four stages a step, about three numbers for each hidden unit and coordinate."""
        return 12 * self.steps * (self.width + self.dim)

    def split(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """θ → B (d, d), c (d,), U (d, K), W (K, d), w (K,), b (K,)."""
        d, k = self.dim, self.width
        linear, c, u, w, by_time, b = theta.split(self.sizes)
        return linear.reshape(d, d), c, u.reshape(d, k), w.reshape(k, d), by_time, b

    def field(self, theta: Tensor, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """f_θ(x, t), shape (n, d), and its divergence, shape (n,)."""
        linear, c, u, w, by_time, b = self.split(theta)
        hidden = torch.tanh(x @ w.T + t * by_time + b)
        divergence = linear.trace() + (1 - hidden * hidden) @ (w * u.T).sum(1)
        return x @ linear.T + c + hidden @ u.T, divergence

    def integrate(self, theta: Tensor, x: Tensor, backwards: bool = False) -> tuple[Tensor, Tensor]:
        """The solution at the other end of [0, 1] and the integral of the divergence along it."""
        logdet = torch.zeros_like(x[:, 0])
        h = (-1.0 if backwards else 1.0) / self.steps
        for i in range(self.steps):
            t = (self.steps - i if backwards else i) / self.steps
            k1, q1 = self.field(theta, x, t)
            k2, q2 = self.field(theta, x + h / 2 * k1, t + h / 2)
            k3, q3 = self.field(theta, x + h / 2 * k2, t + h / 2)
            k4, q4 = self.field(theta, x + h * k3, t + h)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            logdet = logdet + h / 6 * (q1 + 2 * q2 + 2 * q3 + q4)
        return x, logdet

    def __call__(self, theta: Tensor, z: Tensor) -> Tensor:
        return self.integrate(theta, z)[0]

    def with_logdet(self, theta: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.integrate(theta, z)

    def inverse(self, theta: Tensor, x: Tensor) -> Tensor:
        """z from integrating backwards, then Newton's method for the inverse of the steps taken.

        Raises `NumericalError` where that does not converge: the steps are too few.
        """
        self.check(theta, x, "x")
        return newton_inverse(self, theta, x, self.integrate(theta, x, backwards=True)[0])
