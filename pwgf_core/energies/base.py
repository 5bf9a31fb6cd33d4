"""What an energy is, and sums and multiples of energies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from ..errors import check_number, check_type
from ..model import Cloud


def _of_a_cloud(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @wraps(method)
    def call(self: Energy, cloud: Cloud) -> Tensor:
        check_type("cloud", cloud, Cloud)
        return method(self, cloud)

    return call


class Energy(ABC):
    """F(ρ) as a sample average over a cloud; energies add, and multiply by numbers.

    A subclass gives `value`, differentiable in `cloud.x` and `cloud.log_rho` (the gradient form
    of the schemes differentiates it), and `velocity`. An average of a function of log ρ is written
    with `cloud.average`, which is right for densities that jump, too.

    >>> from pwgf_core import Entropy, Potential
    >>> F = Potential(lambda x: 0.5 * (x * x).sum(1)) + 2.0 * Entropy()
    >>> cloud = Cloud(torch.ones(4, 3), log_rho=torch.zeros(4), score=torch.ones(4, 3))
    >>> float(F.value(cloud)), F.velocity(cloud)[0]
    (1.5, tensor([-3., -3., -3.]))

    An energy of one's own, ∫ρ Σ_i log cosh x_i + ∫ρ log ρ written as one class, in two schemes:

    >>> class Wells(Energy):
    ...     def value(self, cloud):
    ...         return (cloud.x.cosh().log().sum(1) + cloud.log_rho).mean()
    ...     def velocity(self, cloud):
    ...         return -cloud.x.tanh() - cloud.score
    >>> from pwgf_core import Explicit, Gaussian, ImplicitRelaxed, Planar, Problem, PushForward
    >>> from pwgf_core import check_gradient, evolve
    >>> model, g = PushForward(Gaussian(2), Planar(2, 8)), torch.Generator().manual_seed(0)
    >>> theta, z = model.transform.init(g), Gaussian(2).draw(4000, g, sampling="matched")
    >>> _ = check_gradient(Wells(), model, theta, z)  # raises unless value and velocity agree
    >>> for scheme in (Explicit(h=0.1), ImplicitRelaxed(h=0.1)):
    ...     run = evolve(Problem(model, Wells(), theta), scheme, t_end=0.5, progress=False)
    ...     print(run.status, run.history["energy"][-1] < run.history["energy"][0])
    completed True
    completed True

    `pairwise` says that a value costs O(n²): `evaluate` then takes fewer points.
    """

    pairwise: bool = False

    def __init_subclass__(cls, **options: Any) -> None:
        """Let the methods that an energy writes for itself check that they see a cloud."""
        super().__init_subclass__(**options)
        for name in ("value", "velocity", "hessian"):
            if name in cls.__dict__:
                setattr(cls, name, _of_a_cloud(cls.__dict__[name]))

    @abstractmethod
    def value(self, cloud: Cloud) -> Tensor:
        """F(ρ), a scalar."""

    @abstractmethod
    def velocity(self, cloud: Cloud) -> Tensor:
        """v(x) = −∇ δF/δρ (x) at the points of the cloud, shape (n, d)."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def hessian(self, cloud: Cloud) -> Tensor:
        """∇² of the part of δF/δρ that acts as a potential, at the points: (n, d, d).

        It is what a preconditioner of an implicit step can use; zero unless a subclass knows it.
        """
        n, d = cloud.x.shape
        return cloud.x.new_zeros(n, d, d)

    def __add__(self, other: Energy) -> Energy:
        check_type("the other term of the sum", other, Energy)
        return Sum(((1.0, self), (1.0, other)))

    def __mul__(self, factor: float) -> Energy:
        check_number("the factor of the energy", factor)
        return Sum(((float(factor), self),))

    __rmul__ = __mul__


class Sum(Energy):
    """Σ_i c_i F_i."""

    def __init__(self, terms: tuple[tuple[float, Energy], ...]) -> None:
        self.terms = terms
        self.pairwise = any(e.pairwise for _, e in terms)

    def __repr__(self) -> str:
        parts = (repr(e) if c == 1 else f"{c:g} * {e!r}" for c, e in self.terms)
        return " + ".join(parts)

    def value(self, cloud: Cloud) -> Tensor:
        return torch.stack([c * e.value(cloud) for c, e in self.terms]).sum()

    def velocity(self, cloud: Cloud) -> Tensor:
        return torch.stack([c * e.velocity(cloud) for c, e in self.terms]).sum(0)

    def hessian(self, cloud: Cloud) -> Tensor:
        return torch.stack([c * e.hessian(cloud) for c, e in self.terms]).sum(0)
