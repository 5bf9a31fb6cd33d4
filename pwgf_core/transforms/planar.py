"""Planar normalizing flow and its inverse, layer by layer."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ..errors import check_count, check_number, check_positive, check_real, check_values
from .base import Transform
from .inverse import check_invertible
from .planar_jacobian import PlanarJacobian

STEPS = 120  # Newton needs a handful; halving the bracket alone would need 60


class Planar(Transform):
    """Planar flow T = f_K ∘ … ∘ f_1, f_k(x) = x + tanh(w_k·x + b_k) u_k (Rezende, Mohamed 2015).

    θ = (W, U, b) flattened, W and U of shape (K, d), b of shape (K,): m = (2d + 1) K.
    A layer is invertible on R^d iff w_k·u_k > −1; losing this raises `NumericalError`.

    `init` starts at the identity exactly (u = 0) with a rich tangent space: w from stacked copies
    of one orthonormal frame of length `scale`, and biases spread evenly over ± `spread` from one
    copy to the next. `frame` (d, d), rows orthonormal, is best taken from the problem (the
    eigenvectors of the Hessian of its potential); without it a random frame is drawn.

    Raises `ValueError` if `dim` or `layers` is no positive integer, if `scale` is not positive,
    or if `frame` has another shape than (d, d).

    >>> T = Planar(2, 6)
    >>> theta = T.init(torch.Generator().manual_seed(0))
    >>> z = torch.ones(3, 2, dtype=theta.dtype)
    >>> theta.shape, bool((T(theta, z) == z).all())
    (torch.Size([30]), True)
    """

    def __init__(
        self,
        dim: int,
        layers: int,
        scale: float = 1.0,
        spread: float = 1.5,
        frame: Tensor | None = None,
    ) -> None:
        check_count("dim", dim)
        check_count("layers", layers)
        check_positive("scale", scale)
        check_number("spread", spread)
        if frame is not None:
            check_real("frame", frame, (dim, dim))
            check_values("frame", frame)
        self.dim, self.layers = dim, layers
        self.scale, self.spread, self.frame = scale, spread, frame
        self.n_params = (2 * dim + 1) * layers

    def __repr__(self) -> str:
        return f"Planar({self.dim}, {self.layers}, scale={self.scale}, spread={self.spread})"

    def init(
        self,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        d, k = self.dim, self.layers
        frame = self.frame
        if frame is None:
            noise = torch.randn(
                d, d, generator=generator, device=generator.device, dtype=torch.float64
            )
            frame = torch.linalg.qr(noise).Q
        copies = -(-k // d)
        w = self.scale * frame.to("cpu", dtype).repeat(copies, 1)[:k]
        b = (
            torch.linspace(-self.spread, self.spread, copies, dtype=dtype)
            if copies > 1
            else w.new_zeros(1)
        )
        b = b.repeat_interleave(d)[:k]
        return torch.cat([w.reshape(-1), torch.zeros(k * d, dtype=dtype), b]).to(device)

    @property
    def footprint(self) -> int:
        return 2 * self.dim + 8 * self.layers

    def split(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """θ → W (K, d), U (K, d), b (K,)."""
        k, d = self.layers, self.dim
        w, u, b = theta.split([k * d, k * d, k])
        return w.reshape(k, d), u.reshape(k, d), b

    def __call__(self, theta: Tensor, z: Tensor) -> Tensor:
        x = z
        for w, u, b in zip(*self.split(theta), strict=True):
            x = x + torch.tanh(x @ w + b)[:, None] * u
        return x

    def with_logdet(self, theta: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        x, logdet = z, torch.zeros_like(z[:, 0])
        for w, u, b in zip(*self.split(theta), strict=True):
            t = torch.tanh(x @ w + b)
            x = x + t[:, None] * u
            logdet = logdet + torch.log(1 + (1 - t * t) * (w @ u))  # NaN once it folds
        return x, logdet

    def inverse(self, theta: Tensor, x: Tensor) -> Tensor:
        """z, layer by layer from the last: y = f_k(x) gives x = y − tanh(a) u_k, and a alone from
        a + (w_k·u_k) tanh(a) = w_k·y + b_k, by Newton's method inside a bracket.

        Raises `NumericalError` if a layer is not invertible.
        """
        self.check(theta, x, "x")
        w, u, b = self.split(theta)
        wu = (w * u).sum(1)
        check_invertible(1 + wu.min(), "the planar flow")
        for k in reversed(range(self.layers)):
            a = solve_activation(x @ w[k] + b[k], float(wu[k]))
            x = x - torch.tanh(a)[:, None] * u[k]
        return x

    def jacobian(self, theta: Tensor, z: Tensor) -> PlanarJacobian:
        return PlanarJacobian(self, theta, z)


def solve_activation(c: Tensor, wu: float) -> Tensor:
    """The one root a of a + wu tanh(a) = c, wu > −1, for every c of a tensor.

    It lies in c ± |wu|. A Newton step that leaves the bracket, or is longer than half the step
    before, is replaced by one to the midpoint.
    """
    low, high = c - abs(wu), c + abs(wu)
    a, step = c - wu * torch.tanh(c), high - low
    for _ in range(STEPS):
        t = torch.tanh(a)
        gap = a + wu * t - c
        # An exact hit closes the bracket from both sides, and the next Newton step stays there.
        low, high = torch.where(gap <= 0, a, low), torch.where(gap >= 0, a, high)
        newton = a - gap / (1 + wu * (1 - t * t))
        good = (newton >= low) & (newton <= high) & ((newton - a).abs() <= step / 2)
        new = torch.where(good, newton, (low + high) / 2)
        step, a = (new - a).abs(), new
        if bool((step <= 2 * torch.finfo(c.dtype).eps * a.abs()).all()):
            break
    return a
