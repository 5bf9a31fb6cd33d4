"""Any object of `torch.distributions` as a reference measure."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, constraints

from ..errors import check_draw, check_points, check_type
from .base import Reference, match


class FromDistribution(Reference):
    """The law of a `torch.distributions` object with a density on R^d.

    `distribution` has no batch dimensions: an event of shape (d,), or one number for d = 1;
    independent numbers are joined by `Independent(…, 1)`. Densities and samples have the precision
    of its parameters.

    Sobol points need quantile functions: those of numbers with `icdf`, alone or independent, or
    of a `MultivariateNormal`. `matched` needs a finite mean and covariance that the object knows
    (its variances, where the numbers are independent) and a support that is all of R^d; it is the
    affine map of the Gaussian reference. `samplings` names what there is. Random points are
    quantiles of uniform numbers; where there are none, `distribution.sample` runs with the global
    generator, seeded by the one given and set back afterwards.

    Raises `ValueError` for another event or batch shape, or an unknown support.

    >>> from torch.distributions import Independent, Laplace
    >>> zero = torch.zeros(3).double()
    >>> law = FromDistribution(Independent(Laplace(zero, zero + 1), 1))
    >>> law.samplings, round(float(law.log_prob(zero[None]).exp()), 6)
    (('random', 'sobol', 'matched'), 0.125)
    """

    def __init__(self, distribution: Distribution) -> None:
        check_type("distribution", distribution, Distribution)
        shape = tuple(distribution.event_shape)
        if distribution.batch_shape or len(shape) > 1:
            raise ValueError(
                "distribution must have an event of shape (d,) or () and no batch, "
                f"got event {shape} and batch {tuple(distribution.batch_shape)}"
            )
        if not isinstance(distribution.support, constraints.Constraint):
            raise ValueError(f"distribution must know its support, got {distribution}")
        self.distribution, self._event = distribution, shape
        self._support = distribution.support
        self.dim = shape[0] if shape else 1
        self._inner = self._draw(1, 0)  # a point of the support
        self._quantile = self._find_quantile()
        self._moments = self._find_moments()
        known = [True, self._quantile is not None, None not in (self._quantile, self._moments)]
        names = ("random", "sobol", "matched")
        self.samplings = tuple(n for n, k in zip(names, known, strict=True) if k)

    def __repr__(self) -> str:
        return f"FromDistribution({self.distribution})"

    def _find_quantile(self) -> Callable[[Tensor], Tensor] | None:
        law = self.distribution
        if isinstance(law, MultivariateNormal):
            return lambda u: law.loc + torch.special.ndtri(u) @ law.scale_tril.T
        each = law.base_dist if isinstance(law, Independent) else law
        if each.event_shape:
            return None
        try:
            each.icdf(torch.full_like(self._inner, 0.5))
        except NotImplementedError:
            return None
        return each.icdf

    def _find_moments(self) -> tuple[Tensor, Tensor] | None:
        law = self.distribution
        support = self._support
        while isinstance(support, constraints.independent):
            support = support.base_constraint
        if support is not constraints.real:
            return None
        mean = law.mean.reshape(-1).double()
        if isinstance(law, MultivariateNormal):
            covariance = law.covariance_matrix.double()
        elif self.dim == 1 or isinstance(law, Independent):
            covariance = torch.diag(law.variance.reshape(-1).double())
        else:
            return None
        finite = torch.isfinite(mean).all() and torch.isfinite(covariance).all()
        return (mean, covariance) if bool(finite) else None

    def _draw(self, n: int, seed: int) -> Tensor:
        """`n` points by the distribution's own `sample`."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return self.distribution.sample((n,)).reshape(n, self.dim)

    def sample(self, n: int, generator: Generator, dtype: torch.dtype = torch.float64) -> Tensor:
        check_draw(n, self.dim, generator, dtype)
        device = generator.device
        if self._quantile is None:
            seed = torch.randint(2**31 - 1, (1,), generator=generator, device=device)
            return self._draw(n, int(seed)).to(device, dtype)
        u = torch.rand(n, self.dim, generator=generator, dtype=torch.float64, device=device)
        return self.from_uniform(u.clamp(min=2.0**-54)).to(dtype)

    def from_uniform(self, u: Tensor) -> Tensor:
        check_points("u", u, self.dim)
        if self._quantile is None:
            raise ValueError(f"{self.distribution} has no quantile function; use random samples")
        # in single precision the last numbers below 1 would round to 1
        u = u.to(self._inner).clamp(max=1 - torch.finfo(self._inner.dtype).eps / 2)
        return self._quantile(u).to(u)

    def _inside(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z with points outside the support replaced by one inside, and where that was, (n,)."""
        check_points("z", z, self.dim)
        points = z.to(self._inner)
        inside = self._support.check(points.reshape(-1, *self._event))
        return torch.where(inside[:, None], points, self._inner), inside

    def log_prob(self, z: Tensor) -> Tensor:
        points, inside = self._inside(z)
        values = self.distribution.log_prob(points.reshape(-1, *self._event))
        return torch.where(inside, values, -math.inf).to(z)

    def score(self, z: Tensor) -> Tensor:
        """∇ log λ(z) by automatic differentiation, shape (n, d)."""
        points, inside = self._inside(z.detach())
        with torch.enable_grad():
            points.requires_grad_()
            total = self.distribution.log_prob(points.reshape(-1, *self._event)).sum()
            score = torch.autograd.grad(total, points)[0]
        return torch.where(inside[:, None], score, math.nan).to(z)

    def cdf(self, z: Tensor) -> Tensor:
        check_points("z", z, 1)
        law = self.distribution
        each = law.base_dist if isinstance(law, Independent) else law
        try:
            return each.cdf(z[:, 0].to(self._inner)).to(z)
        except NotImplementedError:
            return super().cdf(z)

    def matched(self, z: Tensor) -> Tensor:
        """The affine map of z to the mean and covariance of the distribution.

        Raises `ValueError` where these are not known or the support is not R^d.
        """
        if self._moments is None:
            raise ValueError(
                f"{self.distribution} cannot be matched: that needs the support R^d and a known "
                "finite mean and covariance; use random or Sobol samples"
            )
        return match(z, *self._moments)
