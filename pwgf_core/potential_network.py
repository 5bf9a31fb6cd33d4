"""A network ψ: R^d → R whose gradient fits a field."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from .distributed import expectation
from .errors import check_choice, check_count, check_shape
from .gradient_fields import whitening

ACTIVATIONS = ("tanh", "relu")


class PotentialNetwork:
    """ψ(x) = b·x + ½ xᵀAx + Σ_i a_i g(w_i·x + c_i), stateless in one flat parameter vector.

    With `tanh`, g is smooth and ψ can be trained by its gradient; the weights start as random
    ridges with a = 0, A = 0, b = 0. With `relu` there is no quadratic part, g = max(·, 0),
    and the weights start uniform on ±0.1 as in published code, which has several such layers: ∇ψ
    is piecewise constant, has zero derivative in c, and hardly trains. It is kept to show that.

    With `points` (n, d), ψ is that function of the whitened coordinates y = L⁻¹(x − x̄) of these
    points, in which the random ridges are neither flat nor saturated.

    Raises `ValueError` for another activation, a width that is no positive integer, or points of
    another dimension.

    >>> psi = PotentialNetwork(2, 8)
    >>> theta = psi.init(torch.Generator().manual_seed(0))
    >>> bool((psi.gradient(theta, torch.ones(3, 2, dtype=theta.dtype)) == 0).all())
    True
    """

    def __init__(
        self,
        dim: int,
        width: int = 64,
        activation: str = "tanh",
        points: Tensor | None = None,
    ) -> None:
        check_count("dim", dim)
        check_count("width", width)
        check_choice("activation", activation, ACTIVATIONS)
        self.dim, self.width, self.activation = dim, width, activation
        self.sizes = [width * dim, width, width, dim, dim * dim]
        self.whitening = None
        if points is not None:
            check_shape("points", points, (None, dim))
            self.whitening = whitening(points)

    def init(
        self,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """First parameters, flat."""
        d, k = self.dim, self.width
        if self.activation == "relu":
            uniform = torch.rand(k * d + 2 * k, generator=generator, dtype=torch.float64)
            ridges = 0.2 * uniform - 0.1
        else:
            w = torch.randn(k * d, generator=generator, dtype=torch.float64) / d**0.5
            c = 4 * torch.rand(k, generator=generator, dtype=torch.float64) - 2
            ridges = torch.cat([w, c, torch.zeros(k, dtype=torch.float64)])
        rest = torch.zeros(d + d * d, dtype=torch.float64)
        return torch.cat([ridges, rest]).to(device, dtype)

    def gradient(self, theta: Tensor, x: Tensor) -> Tensor:
        """∇ψ(x), shape (n, d), differentiable in θ."""
        if self.whitening is None:
            return self._gradient(theta, x)
        mean, whiten = self.whitening
        return self._gradient(theta, (x - mean) @ whiten.T) @ whiten

    def _gradient(self, theta: Tensor, x: Tensor) -> Tensor:
        w, c, a, b, q = theta.split(self.sizes)
        w = w.reshape(self.width, self.dim)
        s = torch.addmm(c, x, w.T)
        if self.activation == "relu":
            return (a * (s > 0).to(s)) @ w
        q = q.reshape(self.dim, self.dim)
        return (a * (1 - torch.tanh(s) ** 2)) @ w + x @ (q + q.T) / 2 + b

    def fit(
        self, theta: Tensor, x: Tensor, u: Tensor, adam: torch.optim.Optimizer, steps: int
    ) -> float:
        """`steps` of the optimiser on E|∇ψ(x) − u|²/E|u|²; returns that residual at the end."""
        scale = expectation(u.square().sum(), len(x)).clamp_min(torch.finfo(u.dtype).tiny).sqrt()

        def residual() -> Tensor:
            return expectation((self.gradient(theta, x) - u / scale).square().sum(), len(x))

        for _ in range(steps):
            adam.zero_grad()
            loss = residual()
            loss.backward()
            adam.step()
        with torch.no_grad():
            return float(residual())
