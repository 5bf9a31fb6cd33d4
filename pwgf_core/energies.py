"""Energies F(ρ): value on a cloud, and the velocity −∇ δF/δρ of their Wasserstein gradient flow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from .distributed import expectation
from .errors import check_shape
from .model import Cloud


class Energy(ABC):
    """F(ρ) as a sample average over a cloud; energies add, and multiply by numbers.

    A subclass gives `value`, differentiable in `cloud.x` and `cloud.log_rho` (the gradient form
    of the schemes differentiates it), and `velocity`.

    >>> F = Potential(lambda x: 0.5 * (x * x).sum(1)) + 2.0 * Entropy()
    >>> cloud = Cloud(torch.ones(4, 3), log_rho=torch.zeros(4), score=torch.ones(4, 3))
    >>> float(F.value(cloud)), F.velocity(cloud)[0]
    (1.5, tensor([-3., -3., -3.]))
    """

    @abstractmethod
    def value(self, cloud: Cloud) -> Tensor:
        """F(ρ), a scalar."""

    @abstractmethod
    def velocity(self, cloud: Cloud) -> Tensor:
        """v(x) = −∇ δF/δρ (x) at the points of the cloud, shape (n, d)."""

    def hessian(self, cloud: Cloud) -> Tensor | None:
        """∇²V at the points, shape (n, d, d), of the potential in F; None if there is none."""
        return None

    def __add__(self, other: Energy) -> Energy:
        return Sum(((1.0, self), (1.0, other)))

    def __mul__(self, factor: float) -> Energy:
        return Sum(((float(factor), self),))

    __rmul__ = __mul__


class Sum(Energy):
    """Σ_i c_i F_i."""

    def __init__(self, terms: tuple[tuple[float, Energy], ...]) -> None:
        self.terms = terms

    def value(self, cloud: Cloud) -> Tensor:
        return torch.stack([c * e.value(cloud) for c, e in self.terms]).sum()

    def velocity(self, cloud: Cloud) -> Tensor:
        return torch.stack([c * e.velocity(cloud) for c, e in self.terms]).sum(0)

    def hessian(self, cloud: Cloud) -> Tensor | None:
        found = [(c, e.hessian(cloud)) for c, e in self.terms]
        known = [c * h for c, h in found if h is not None]
        return torch.stack(known).sum(0) if known else None


class Potential(Energy):
    """∫ V ρ, with δF/δρ = V and v = −∇V.

    `V` maps (n, d) to (n,). `gradient`, (n, d) to (n, d), and `hessian`, (n, d) to (n, d, d), are
    found by automatic differentiation where they are not given.

    Raises `ValueError` if V returns another shape than (n,).
    """

    def __init__(
        self,
        V: Callable[[Tensor], Tensor],
        gradient: Callable[[Tensor], Tensor] | None = None,
        hessian: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.V = V
        self._hessian = hessian or torch.func.vmap(torch.func.hessian(lambda p: V(p[None])[0]))
        self.gradient = gradient or torch.func.grad(lambda x: V(x).sum())

    def value(self, cloud: Cloud) -> Tensor:
        values = self.V(cloud.x)
        check_shape("V(x)", values, (cloud.n,))
        return expectation(values.sum(), cloud.n)

    def velocity(self, cloud: Cloud) -> Tensor:
        return -self.gradient(cloud.x)

    def hessian(self, cloud: Cloud) -> Tensor:
        return self._hessian(cloud.x)

    @classmethod
    def quadratic(cls, mean: Tensor, precision: Tensor) -> Potential:
        """V(x) = ½ (x − μ)ᵀ P (x − μ) with μ of shape (d,) and symmetric P of shape (d, d)."""
        check_shape("mean", mean, (None,))
        check_shape("precision", precision, (len(mean), len(mean)))

        def gradient(x: Tensor) -> Tensor:
            return (x - mean) @ precision

        def hessian(x: Tensor) -> Tensor:
            return precision.expand(len(x), -1, -1)

        return cls(lambda x: 0.5 * ((x - mean) * gradient(x)).sum(1), gradient, hessian)


class Entropy(Energy):
    """∫ ρ log ρ, with δF/δρ = log ρ + 1 and v = −∇log ρ."""

    def value(self, cloud: Cloud) -> Tensor:
        return expectation(cloud.log_rho.sum(), cloud.n)

    def velocity(self, cloud: Cloud) -> Tensor:
        return -cloud.score
