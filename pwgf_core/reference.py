"""Reference measures λ on R^d: how to draw z ~ λ, and log λ(z) with its gradient."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Generator, Tensor

from .errors import check_choice, check_count, check_shape

SAMPLINGS = ("random", "sobol", "matched")


class Reference(ABC):
    """A probability measure λ on R^d with a density.

    A subclass gives `sample`, `from_uniform`, `log_prob` and `score`; `matched` only where the
    mean and covariance of λ are finite and known.
    """

    dim: int

    @abstractmethod
    def sample(self, n: int, generator: Generator, dtype: torch.dtype = torch.float64) -> Tensor:
        """Draw `n` independent points, shape (n, d), on the generator's device."""

    @abstractmethod
    def from_uniform(self, u: Tensor) -> Tensor:
        """Map points u of the open unit cube, shape (n, d), to λ by its quantile functions."""

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """log λ(z), shape (n,)."""

    @abstractmethod
    def score(self, z: Tensor) -> Tensor:
        """∇ log λ(z), shape (n, d)."""

    @abstractmethod
    def matched(self, z: Tensor) -> Tensor:
        """The sample z, moved by an affine map so that its mean and covariance are those of λ."""

    def sobol(self, n: int, generator: Generator, dtype: torch.dtype = torch.float64) -> Tensor:
        """`n` points of a scrambled Sobol sequence mapped to λ, shape (n, d).

        The generator draws the seed of the scrambling. Powers of two are the best values of `n`.
        """
        check_count("n", n)
        seed = torch.randint(2**31 - 1, (1,), generator=generator, device=generator.device)
        engine = torch.quasirandom.SobolEngine(self.dim, scramble=True, seed=int(seed))
        u = engine.draw(n, dtype=torch.float64)
        tiny = 2.0**-32  # below the spacing of the points' 30-bit grid: away from 0 and 1
        return self.from_uniform((u + tiny).clamp(max=1 - tiny).to(generator.device)).to(dtype)

    def draw(
        self,
        n: int,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        sampling: str = "random",
    ) -> Tensor:
        """`n` points by the named kind: `random`, `sobol`, or `matched` (Sobol points, matched).

        >>> z = Gaussian(2).draw(64, torch.Generator().manual_seed(0), sampling="matched")
        >>> bool(torch.allclose(z.T @ z / 64, torch.eye(2, dtype=z.dtype)))
        True
        """
        check_choice("sampling", sampling, SAMPLINGS)
        if sampling == "random":
            return self.sample(n, generator, dtype)
        if sampling == "sobol":
            return self.sobol(n, generator, dtype)
        return self.matched(self.sobol(n, generator, torch.float64)).to(dtype)


class Gaussian(Reference):
    """The standard normal measure N(0, I) on R^d.

    log λ(z) = −|z|²/2 − (d/2) log 2π and ∇ log λ(z) = −z.

    Raises `ValueError` if `dim` is no positive integer.

    >>> g = Gaussian(3)
    >>> z = g.sample(5, torch.Generator().manual_seed(0))
    >>> z.shape, bool((g.score(z) == -z).all())
    (torch.Size([5, 3]), True)
    """

    def __init__(self, dim: int) -> None:
        check_count("dim", dim)
        self.dim = dim

    def __repr__(self) -> str:
        return f"Gaussian({self.dim})"

    def sample(self, n: int, generator: Generator, dtype: torch.dtype = torch.float64) -> Tensor:
        check_count("n", n)
        device = generator.device
        return torch.randn(n, self.dim, generator=generator, dtype=dtype, device=device)

    def from_uniform(self, u: Tensor) -> Tensor:
        check_shape("u", u, (None, self.dim))
        return torch.special.ndtri(u)

    def log_prob(self, z: Tensor) -> Tensor:
        check_shape("z", z, (None, self.dim))
        return -0.5 * (z * z).sum(1) - 0.5 * self.dim * math.log(2 * math.pi)

    def score(self, z: Tensor) -> Tensor:
        check_shape("z", z, (None, self.dim))
        return -z

    def matched(self, z: Tensor) -> Tensor:
        """z ↦ L⁻¹(z − z̄) with the Cholesky factor L of the sample covariance (weights 1/n).

        Raises `ValueError` unless there are more than d points.
        """
        check_shape("z", z, (None, self.dim))
        if len(z) <= self.dim:
            raise ValueError(f"matching needs more than {self.dim} points, got {len(z)}")
        centred = z - z.mean(0)
        factor = torch.linalg.cholesky(centred.T @ centred / len(z))
        return torch.linalg.solve_triangular(factor, centred.T, upper=False).T.contiguous()
