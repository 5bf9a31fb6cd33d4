"""Metric tensors on Θ, as symmetric positive semi-definite operators frozen at (θ, z)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .distributed import expectation
from .errors import check_shape
from .transforms.base import Jacobian


@dataclass(frozen=True)
class RelaxedMetric:
    """Ĝ = E_λ[JᵀJ] (+ ε I), the pull-back of the L²(λ) metric by θ ↦ T_θ (Jin et al. 2025).

    `matvec` never forms the matrix; `dense` is the direct evaluation of the slides.

    >>> from pwgf_core import Affine, Gaussian
    >>> z = Gaussian(2).draw(256, torch.Generator().manual_seed(0), sampling="matched")
    >>> T = Affine(2)
    >>> G = RelaxedMetric(T.jacobian(T.init(torch.Generator()), z))
    >>> bool(torch.allclose(G.dense(), torch.eye(6, dtype=z.dtype)))
    True
    """

    jacobian: Jacobian
    shift: float = 0.0

    @property
    def size(self) -> int:
        """Number of parameters m."""
        return self.jacobian.transform.n_params

    def matvec(self, v: Tensor) -> Tensor:
        """(Ĝ + ε I) v, one product with J and one with Jᵀ: (m,) → (m,)."""
        check_shape("v", v, (self.size,))
        j = self.jacobian
        product = expectation(j.vjp(j.jvp(v)), j.n)
        return product + self.shift * v if self.shift else product

    def dense(self) -> Tensor:
        """The matrix Ĝ + ε I, shape (m, m), summed from the rows of J."""
        j = self.jacobian
        rows = j.rows().reshape(-1, self.size)
        matrix = expectation(rows.T @ rows, j.n)
        return matrix + self.shift * torch.eye(self.size, dtype=rows.dtype, device=rows.device)

    def shifted(self, epsilon: float) -> RelaxedMetric:
        """Ĝ + (ε + what was there) I."""
        return replace(self, shift=self.shift + epsilon)

    def right_hand_side(self, v: Tensor) -> Tensor:
        """g = E[Jᵀ v] for a field v of shape (n, d) given at the points: (m,)."""
        return expectation(self.jacobian.vjp(v), self.jacobian.n)


def largest_eigenvalue(matvec: Callable[[Tensor], Tensor], start: Tensor, steps: int = 12) -> float:
    """Largest eigenvalue of a positive semi-definite operator by power iteration, from below."""
    value, v = 0.0, start
    for _ in range(steps):
        norm = torch.linalg.vector_norm(v)
        if not float(norm) > 0:
            break
        v = matvec(v / norm)
        value = float(torch.linalg.vector_norm(v))
    return value
