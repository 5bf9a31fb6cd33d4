"""Interaction energies ½∬ W(x − y) ρ(x) ρ(y), by pairs for any W and by moments for a quartic."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..distributed import expectation, gather
from ..errors import check_choice, check_count, check_function, check_number, check_shape
from ..model import Cloud
from .base import Energy

PAIRS = ("distinct", "all")


class Pairs:
    """The points x here, those of all processes, `others`, and the place of x among them."""

    def __init__(self, x: Tensor, others: Tensor, first: int, block: int) -> None:
        n = len(others)
        if n < 2:
            raise ValueError(f"an interaction needs x of at least 2 points, got {n}")
        self.x, self.others, self.first = x, others, first
        self.starts = range(0, len(x), max(1, block // n))


class Interaction(Energy):
    """½∬ W(x − y) ρ(x) ρ(y) for an even W, with δF/δρ = W*ρ and v = −∇W*ρ, O(n²) in time.

    `W` maps differences (k, d) to (k,), `gradient` (k, d) to (k, d), by automatic differentiation
    where it is not given. Both averages go over the n(n − 1) pairs of `distinct` points, without
    bias and for a W that is singular at 0; `pairs="all"` takes the n² pairs, the exact energy of
    the n particles where W(0) = 0 and ∇W(0) = 0. At most `block` pairs are held in memory at a
    time (or one point with all others); that holds for the gradient of the value, too, where each
    block is computed again.

    Raises `ValueError` for other pairs, a block that is no positive integer, fewer than two
    points, and if W returns another shape than (k,).

    >>> F = Interaction(lambda y: (y * y).sum(1))
    >>> cloud = Cloud(torch.tensor([[0.0], [2.0]]))
    >>> float(F.value(cloud)), F.velocity(cloud)[:, 0]
    (2.0, tensor([ 4., -4.]))
    """

    pairwise = True

    def __init__(
        self,
        W: Callable[[Tensor], Tensor],
        gradient: Callable[[Tensor], Tensor] | None = None,
        pairs: str = "distinct",
        block: int = 2**20,
    ) -> None:
        check_function("W", W)
        if gradient is not None:
            check_function("gradient", gradient)
        check_choice("pairs", pairs, PAIRS)
        check_count("block", block)
        self.W, self.pairs, self.block = W, pairs, block
        self.gradient = gradient or torch.func.grad(lambda y: W(y).sum())

    def value(self, cloud: Cloud) -> Tensor:
        total = cloud.x.new_zeros(())
        pairs = Pairs(cloud.x, *gather(cloud.x), self.block)
        for start in pairs.starts:
            if len(pairs.starts) > 1 and torch.is_grad_enabled() and cloud.x.requires_grad:
                part = checkpoint(self._energy, pairs, start, use_reentrant=False)
                assert isinstance(part, Tensor)
            else:
                part = self._energy(pairs, start)
            total = total + part
        return 0.5 * expectation(total, cloud.n)

    def velocity(self, cloud: Cloud) -> Tensor:
        return -self._all_means(cloud, self.gradient)

    def hessian(self, cloud: Cloud) -> Tensor:
        """∇²W*ρ at the points, shape (n, d, d), by differentiating `gradient`."""
        derivative = torch.vmap(torch.func.jacrev(lambda y: self.gradient(y[None])[0]))
        return self._all_means(cloud, derivative)

    def _all_means(self, cloud: Cloud, f: Callable[[Tensor], Tensor]) -> Tensor:
        pairs = Pairs(cloud.x, *gather(cloud.x), self.block)
        return torch.cat([self._mean(pairs, start, f) for start in pairs.starts])

    def _energy(self, pairs: Pairs, start: int) -> Tensor:
        return self._mean(pairs, start, self._checked).sum()

    def _checked(self, y: Tensor) -> Tensor:
        values = self.W(y)
        check_shape("W(y)", values, (len(y),))
        return values

    def _mean(self, pairs: Pairs, start: int, f: Callable[[Tensor], Tensor]) -> Tensor:
        """Mean over j of f(x_i − x_j) for one block of points i."""
        n, d = pairs.others.shape
        rows = pairs.x[start : start + pairs.starts.step]
        y = rows[:, None] - pairs.others
        count = n
        itself = torch.zeros(len(rows), n, dtype=torch.bool, device=rows.device)
        if self.pairs == "distinct":
            # f may be singular at 0: it never sees the difference of a point with itself.
            i = torch.arange(len(rows), device=rows.device)
            itself[i, pairs.first + start + i] = True
            y = torch.where(itself[..., None], torch.ones_like(y), y)
            count = n - 1
        values = f(y.reshape(-1, d))
        values = values.reshape(len(rows), n, *values.shape[1:])
        itself = itself.reshape(len(rows), n, *[1] * (values.ndim - 2))
        return values.masked_fill(itself, 0.0).sum(1) / count


class QuarticInteraction(Energy):
    """½∬ W(x − y) ρ(x) ρ(y) with W(y) = a|y|⁴/4 + b|y|²/2, exactly in O(n) by moments.

    With the points centred at their mean, s_k = E|x|ᵏ, C = E[xxᵀ] and k = E[|x|²x]:
    F = (a/4) (s₄ + s₂² + 2|C|²) + (b/2) s₂ and v(x) = −a [(|x|² + s₂) x + 2Cx − k] − b x,
    the averages of `Interaction` over all pairs. By default a = 1 and b = −1: repulsion near,
    attraction far; of radial data in the plane it makes a ring of radius 1/√3.

    Raises `ValueError` unless a and b are finite.

    >>> ring = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]) / 3**0.5
    >>> F = QuarticInteraction()
    >>> round(12 * float(F.value(Cloud(ring))), 5), bool(F.velocity(Cloud(ring)).abs().max() < 1e-6)
    (-1.0, True)
    """

    def __init__(self, a: float = 1.0, b: float = -1.0) -> None:
        check_number("a", a)
        check_number("b", b)
        self.a, self.b = float(a), float(b)

    def kernel(self, y: Tensor) -> Tensor:
        """W at differences y: (k, d) → (k,)."""
        r2 = (y * y).sum(1)
        return 0.25 * self.a * r2 * r2 + 0.5 * self.b * r2

    def value(self, cloud: Cloud) -> Tensor:
        x, r2 = self._centred(cloud)
        n = cloud.n
        s2, s4 = expectation(r2.sum(), n), expectation((r2 * r2).sum(), n)
        c = expectation(x.T @ x, n)
        return 0.25 * self.a * (s4 + s2 * s2 + 2 * (c * c).sum()) + 0.5 * self.b * s2

    def velocity(self, cloud: Cloud) -> Tensor:
        x, r2 = self._centred(cloud)
        n = cloud.n
        s2, c = expectation(r2.sum(), n), expectation(x.T @ x, n)
        k = expectation(r2 @ x, n)
        return -self.a * ((r2 + s2)[:, None] * x + 2 * x @ c - k) - self.b * x

    def hessian(self, cloud: Cloud) -> Tensor:
        """∇²W*ρ = a [(|x|² + s₂) I + 2xxᵀ + 2C] + b I at the points, shape (n, d, d)."""
        x, r2 = self._centred(cloud)
        s2, c = expectation(r2.sum(), cloud.n), expectation(x.T @ x, cloud.n)
        eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
        diagonal = (self.a * (r2 + s2) + self.b)[:, None, None] * eye
        return diagonal + 2 * self.a * (x[:, :, None] * x[:, None] + c)

    @staticmethod
    def _centred(cloud: Cloud) -> tuple[Tensor, Tensor]:
        x = cloud.x - expectation(cloud.x.sum(0), cloud.n)
        return x, (x * x).sum(1)
