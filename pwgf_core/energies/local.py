"""Energies ∫ f(x, ρ(x)) dx: potential energy, entropy and the energy of a porous medium."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..distributed import expectation
from ..errors import (
    check_above,
    check_function,
    check_real,
    check_shape,
    check_symmetric,
    check_values,
)
from ..model import Cloud
from .base import Energy


class Potential(Energy):
    """∫ V ρ, with δF/δρ = V and v = −∇V.

    `V` maps (n, d) to (n,). `gradient`, (n, d) to (n, d), and `hessian`, (n, d) to (n, d, d), are
    found by automatic differentiation where they are not given.

    Raises `ValueError` if V returns another shape than (n,), or `hessian` than (n, d, d).

    >>> F = Potential(lambda x: (x**4).sum(1) / 12)
    >>> F.hessian(Cloud(torch.tensor([[1.0, 2.0]])))
    tensor([[[1., 0.],
             [0., 4.]]])
    """

    def __init__(
        self,
        V: Callable[[Tensor], Tensor],
        gradient: Callable[[Tensor], Tensor] | None = None,
        hessian: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        for name, function in (("V", V), ("gradient", gradient), ("hessian", hessian)):
            if function is not None or name == "V":
                check_function(name, function)
        self.V = V
        self.gradient = gradient or torch.func.grad(lambda x: V(x).sum())
        self._hessian = hessian or torch.vmap(torch.func.hessian(lambda p: V(p[None]).sum()))

    def value(self, cloud: Cloud) -> Tensor:
        values = self.V(cloud.x)
        check_shape("V(x)", values, (cloud.n,))
        return expectation(values.sum(), cloud.n)

    def velocity(self, cloud: Cloud) -> Tensor:
        gradient = self.gradient(cloud.x)
        check_shape("gradient(x)", gradient, tuple(cloud.x.shape))
        return -gradient

    def hessian(self, cloud: Cloud) -> Tensor:
        """∇²V at the points, shape (n, d, d)."""
        hessian = self._hessian(cloud.x)
        check_shape("hessian(x)", hessian, (*cloud.x.shape, cloud.x.shape[1]))
        return hessian

    @classmethod
    def quadratic(cls, mean: Tensor, precision: Tensor) -> Potential:
        """V(x) = ½ (x − μ)ᵀ P (x − μ) with μ of shape (d,) and symmetric P of shape (d, d).

        Raises `ValueError` for other shapes, values that are not finite, or a P that is not
        symmetric.
        """
        check_real("mean", mean, (None,))
        check_values("mean", mean)
        check_symmetric("precision", precision, len(mean))

        def gradient(x: Tensor) -> Tensor:
            return (x - mean) @ precision

        return cls(
            lambda x: 0.5 * ((x - mean) * gradient(x)).sum(1),
            gradient,
            lambda x: precision.expand(len(x), -1, -1),
        )


class Entropy(Energy):
    """∫ ρ log ρ, with δF/δρ = log ρ + 1 and v = −∇log ρ."""

    def value(self, cloud: Cloud) -> Tensor:
        return cloud.average(lambda log_rho: log_rho)

    def velocity(self, cloud: Cloud) -> Tensor:
        return -cloud.score


class PorousMedium(Energy):
    """∫ ρᵐ / (m − 1) = E[ρ(x)^{m−1}] / (m − 1), the energy of ∂_tρ = Δρᵐ, m > 1.

    δF/δρ = m ρ^{m−1} / (m − 1) and v = −m ρ^{m−1} ∇log ρ = −m ρ^{m−2} ∇ρ.

    Raises `ValueError` unless `m` is a finite number above 1.

    Source: F. Otto, The geometry of dissipative evolution equations, Comm. PDE 26, 2001.

    >>> cloud = Cloud(torch.zeros(2, 1), log_rho=torch.tensor([0.0, 0.0]), score=torch.ones(2, 1))
    >>> F = PorousMedium(3.0)
    >>> float(F.value(cloud)), F.velocity(cloud)[:, 0]
    (0.5, tensor([-3., -3.]))
    """

    def __init__(self, m: float) -> None:
        check_above("m", m, 1)
        self.m = float(m)

    def value(self, cloud: Cloud) -> Tensor:
        return cloud.average(lambda log_rho: torch.exp((self.m - 1) * log_rho) / (self.m - 1))

    def velocity(self, cloud: Cloud) -> Tensor:
        power = torch.exp((self.m - 1) * cloud.log_rho)
        return -self.m * power[:, None] * cloud.score
