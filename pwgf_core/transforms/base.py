"""Push-forward maps T_θ with one flat θ, and their parameter Jacobian frozen at a point."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from torch.func import jacfwd, jacrev, jvp, vjp, vmap

from ..errors import check_alike, check_points, check_real
from .arguments import MAPS, PRODUCTS, wrap
from .inverse import newton_inverse

BLOCK = 2**21  # numbers in a block of rows: 16 MB in double precision
DENSE = 2**24  # numbers of a whole J that is kept for products: 128 MB in double precision


class Kinks(NamedTuple):
    """Where the slope of a map of the line jumps: z, shape (K, 1), and log|T_θ′| on both sides."""

    z: Tensor
    below: Tensor
    above: Tensor


class Transform(ABC):
    """A family of maps T_θ: R^d → R^d, stateless: θ ∈ R^m is an argument, one flat vector.

    A subclass sets `dim` (d) and `n_params` (m) and gives `init` and `__call__`, written with
    differentiable torch operations. Everything else has a default that works for any such map
    and that a subclass may override by something faster. A subclass whose DT_θ jumps in z sets
    `smooth = False`: ρ_θ then jumps, and the velocity of an energy with log ρ is no function.

    A family of one's own, x_i = z_i e^{a_i} + b_i + c_i sin z_i, in two schemes:

    >>> class Wavy(Transform):
    ...     dim, n_params = 2, 6
    ...     def init(self, generator, dtype=torch.float64, device="cpu"):
    ...         return torch.zeros(6, dtype=dtype, device=device)
    ...     def __call__(self, theta, z):
    ...         a, b, c = theta.reshape(3, 2)
    ...         return z * a.exp() + b + c * z.sin()
    >>> from pwgf_core import Explicit, Gaussian, ImplicitRelaxed, PushForward
    >>> from pwgf_core import check_jacobian, evolve, problem
    >>> from dataclasses import replace
    >>> _ = check_jacobian(Wavy(), torch.ones(6).double(), torch.ones(3, 2).double())  # or raises
    >>> p, model = problem("ornstein_uhlenbeck"), PushForward(Gaussian(2), Wavy())
    >>> p = replace(p, model=model, theta0=torch.zeros(6).double())
    >>> for scheme in (Explicit(h=0.1), ImplicitRelaxed(h=0.1)):
    ...     print(evolve(p, scheme, samples=500, progress=False).status)
    completed
    completed
    """

    dim: int
    n_params: int
    smooth: bool = True

    def __init_subclass__(cls, **options: Any) -> None:
        """Let the methods that a family writes for itself check what they are given."""
        super().__init_subclass__(**options)
        wrap(cls, MAPS)

    @property
    def footprint(self) -> int:
        """About how many numbers its Jacobian keeps for a sample (see `transforms.chunks`).

        By default those of a network of 8 layers whose weights are θ: 8 (d + m/d).
        """
        return 8 * (self.dim + self.n_params // self.dim)

    @abstractmethod
    def init(
        self,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """A first θ of shape (m,) with T_θ close to the identity."""

    @abstractmethod
    def __call__(self, theta: Tensor, z: Tensor) -> Tensor:
        """x = T_θ(z): shapes (m,), (n, d) → (n, d)."""

    def with_logdet(self, theta: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """x = T_θ(z) and log|det DT_θ(z)|: shapes (m,), (n, d) → (n, d), (n,)."""
        self.check(theta, z)
        d_x = vmap(jacfwd(lambda p: self(theta, p[None])[0]))(z)
        return self(theta, z), torch.linalg.slogdet(d_x).logabsdet

    def kinks(self, theta: Tensor) -> Kinks | None:
        """The jumps of DT_θ in increasing order, differentiable in θ; None if it does not know.

        Gradients of energies with log ρ need them for a map that is not `smooth`.
        """
        return None

    def inverse(self, theta: Tensor, x: Tensor) -> Tensor:
        """z with T_θ(z) = x, shapes (m,), (n, d) → (n, d); by default `newton_inverse` from z = x.

        Raises `NumericalError` where no such z is found.
        """
        self.check(theta, x, "x")
        return newton_inverse(self, theta, x, x)

    def jacobian(self, theta: Tensor, z: Tensor) -> Jacobian:
        """The linear operator J = ∂T_θ(z)/∂θ, frozen at (θ, z)."""
        return Jacobian(self, theta, z)

    def check(self, theta: Tensor, z: Tensor, name: str = "z") -> None:
        """Raise `ValueError` unless θ is (m,) and z is (n, d), n > 0, of one dtype and device.

        The dtype is float32 or float64; `name` is that of the points in the message.
        """
        check_real("theta", theta, (self.n_params,))
        check_points(name, z, self.dim)
        check_alike("theta", theta, name, z)


class Jacobian:
    """J_z = ∂T_θ(z)/∂θ at n points, as a linear operator, with what else T_θ is at (θ, z).

    This class differentiates the transform's own `__call__` and `with_logdet` by `torch.func`:
    it serves any transform and is the slow twin of every fast path.

    Between products it keeps the graph for Jᵀ; from the first product J dθ on it keeps J itself
    where that has at most `DENSE` numbers, n d m. J costs about as much as d products with Jᵀ,
    and who asks for J dθ is about to solve, with many. Beyond, memory would grow with n.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """Let the products that a family writes for itself check what they are given."""
        super().__init_subclass__(**options)
        wrap(cls, PRODUCTS)

    def __init__(self, transform: Transform, theta: Tensor, z: Tensor) -> None:
        transform.check(theta, z)
        self.transform, self.theta, self.z = transform, theta.detach(), z.detach()
        self.n = len(z)

    def check(self, name: str, value: Tensor) -> None:
        """Raise `ValueError` unless a factor of a product has the shape and dtype that it needs."""
        like = self.theta if name == "dtheta" else self.z
        shape = like.shape[:1] if name == "q" else like.shape
        if getattr(value, "shape", None) != shape or value.dtype is not like.dtype:
            check_real(name, value, tuple(shape))
            check_alike(name, value, "theta", self.theta)

    @cached_property
    def x(self) -> Tensor:
        """T_θ(z), shape (n, d)."""
        return self.transform(self.theta, self.z)

    @cached_property
    def logdet(self) -> Tensor:
        """log|det DT_θ(z)|, shape (n,)."""
        return self.transform.with_logdet(self.theta, self.z)[1]

    def jvp(self, dtheta: Tensor, dz: Tensor | None = None) -> Tensor:
        """J dθ (+ DT dz): shapes (m,) and (n, d) → (n, d)."""
        if dz is None:
            if 0 < self.n * self.transform.dim * self.transform.n_params <= DENSE:
                return (self._matrix @ dtheta).reshape(self.n, -1)
            return jvp(lambda p: self.transform(p, self.z), (self.theta,), (dtheta,))[1]
        return jvp(self.transform, (self.theta, self.z), (dtheta, dz))[1]

    @cached_property
    def _matrix(self) -> Tensor:
        """J as a matrix, shape (n d, m)."""
        return torch.cat([rows for _, rows in self.row_blocks()]).flatten(0, 1)

    @cached_property
    def _vjp(self) -> Callable[..., tuple[Tensor, Tensor]]:
        return vjp(self.transform, self.theta, self.z)[1]

    @cached_property
    def _vjp_with_logdet(self) -> Callable[..., tuple[Tensor, Tensor]]:
        return vjp(self.transform.with_logdet, self.theta, self.z)[1]

    def pullback(self, r: Tensor, q: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Gradient of Σ_n r_n·T_θ(z_n) (+ q_n log|det DT_θ(z_n)|) with respect to θ and z.

        Shapes (n, d), (n,) → (m,), (n, d).
        """
        return self._vjp(r) if q is None else self._vjp_with_logdet((r, q))

    def vjp(self, r: Tensor, q: Tensor | None = None) -> Tensor:
        """Σ_n J_nᵀ r_n (+ q_n ∇_θ log|det|): shapes (n, d), (n,) → (m,)."""
        if q is None and "_matrix" in self.__dict__:
            return self._matrix.T @ r.reshape(-1)
        return self.pullback(r, q)[0]

    def normal(self, dtheta: Tensor, dz: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Σ_n J_nᵀ dx_n for dx = J dθ (+ DT dz); with dz also DTᵀ dx, shape (n, d), else None."""
        dx = self.jvp(dtheta, dz)
        return (self.vjp(dx), None) if dz is None else self.pullback(dx)

    def rows(self) -> Tensor:
        """The whole J as a tensor of shape (n, d, m)."""
        return vmap(lambda p: jacrev(lambda t: self.transform(t, p[None])[0])(self.theta))(self.z)

    def row_blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """`rows` of consecutive samples, and which: at most `BLOCK` numbers or one sample each.

        The map is frozen at each block's points anew, so that memory does not grow with n.
        """
        size = max(1, BLOCK // (self.transform.dim * self.transform.n_params))
        kept = self.__dict__.get("_matrix")
        if size >= self.n and kept is None:
            yield slice(0, self.n), self.rows()
            return
        for start in range(0, self.n, size):
            part = slice(start, min(start + size, self.n))
            if kept is not None:
                yield part, kept.unflatten(0, (self.n, -1))[part]
            else:
                yield part, self.transform.jacobian(self.theta, self.z[part]).rows()

    def score(self, score_z: Tensor) -> Tensor:
        """s = ∇ log ρ_θ at x = T_θ(z), from DTᵀ s = ∇ log λ(z) − ∇_z log|det DT_θ(z)|.

        `score_z` is ∇ log λ(z), shape (n, d); so is the result.
        """
        transform, theta = self.transform, self.theta
        d_x = vmap(jacfwd(lambda p: transform(theta, p[None])[0]))(self.z)
        zero, one = torch.zeros_like(self.z), torch.ones_like(self.z[:, 0])
        rhs = score_z - self.pullback(zero, one)[1]
        return torch.linalg.solve(d_x.transpose(1, 2), rhs)


wrap(Jacobian, PRODUCTS)
