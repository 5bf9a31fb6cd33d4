"""What a reference measure λ on R^d gives: samples, log λ(z) and its gradient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from ..errors import NumericalError, check_choice, check_draw, check_points

SAMPLINGS = ("random", "sobol", "matched")
MATCHING_STEPS = 200


class Reference(ABC):
    """A probability measure λ on R^d with a density.

    A subclass gives `sample`, `from_uniform`, `log_prob`, `score` and `matched`, and names in
    `samplings` the kinds of points that it can draw, the most even ones last. Outside the support
    log λ is −∞ and the score NaN.
    """

    dim: int
    samplings: tuple[str, ...] = SAMPLINGS

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

    def cdf(self, z: Tensor) -> Tensor:
        """Λ(z), the probability below z, for d = 1: (n, 1) → (n,).

        Raises `ValueError` if the reference does not know it.
        """
        raise ValueError(f"{self!r} has no distribution function, which maps with kinks need")

    @abstractmethod
    def matched(self, z: Tensor) -> Tensor:
        """The sample z, moved so that its mean and covariance (weights 1/n) are those of λ.

        On R^d the map is affine; in a bounded support it leaves the boundary where it is.
        """

    def sobol(self, n: int, generator: Generator, dtype: torch.dtype = torch.float64) -> Tensor:
        """`n` points of a scrambled Sobol sequence mapped to λ, shape (n, d).

        The generator draws the seed of the scrambling. Powers of two are the best values of `n`.
        """
        check_draw(n, self.dim, generator, dtype)
        if self.dim > torch.quasirandom.SobolEngine.MAXDIM:
            most = torch.quasirandom.SobolEngine.MAXDIM
            raise ValueError(f"dim must be at most {most} for Sobol points, got {self.dim}")
        seed = torch.randint(2**31 - 1, (1,), generator=generator, device=generator.device)
        engine = torch.quasirandom.SobolEngine(self.dim, scramble=True, seed=int(seed))
        u = engine.draw(n, dtype=torch.float64)
        tiny = 2.0**-32  # below the spacing of the 30-bit grid of the points: away from 0 and 1
        return self.from_uniform((u + tiny).clamp(max=1 - tiny).to(generator.device)).to(dtype)

    def draw(
        self,
        n: int,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        sampling: str = "random",
    ) -> Tensor:
        """`n` points by the named kind: `random`, `sobol`, or `matched` (Sobol points, matched).

        >>> from pwgf_core import Gaussian
        >>> z = Gaussian(2).draw(64, torch.Generator().manual_seed(0), sampling="matched")
        >>> bool(torch.allclose(z.T @ z / 64, torch.eye(2, dtype=z.dtype)))
        True
        """
        check_draw(n, self.dim, generator, dtype)
        check_choice("sampling", sampling, self.samplings)
        if sampling == "random":
            return self.sample(n, generator, dtype)
        if sampling == "sobol":
            return self.sobol(n, generator, dtype)
        return self.matched(self.sobol(n, generator, torch.float64)).to(dtype)


def match(z: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """z ↦ m + A L⁻¹(z − z̄), covariance = A Aᵀ and that of the sample = L Lᵀ (Cholesky factors).

    Raises `ValueError` unless there are more than d points, `NumericalError` if they lie in a
    hyperplane.
    """
    check_points("z", z, len(mean))
    if len(z) <= len(mean):
        raise ValueError(f"matched samples need more than {len(mean)} points z, got {len(z)}")
    centred = z - z.mean(0)
    factor, failed = torch.linalg.cholesky_ex(centred.T @ centred / len(z))
    if failed:
        raise NumericalError("the covariance of the sample is singular; use more points")
    white = torch.linalg.solve_triangular(factor, centred.T, upper=False)
    return (torch.linalg.cholesky(covariance.to(z)) @ white).T + mean.to(z)


def match_inside(
    z: Tensor, mean: Tensor, covariance: Tensor, weight: Callable[[Tensor], Tensor]
) -> Tensor:
    """z with the given mean and covariance, by repeated moves that vanish where `weight` does.

    Each move is `weight` times that of the affine `match`; a weight that falls linearly to 0 at the
    boundary of the support keeps the points inside. The moves shrink like a geometric series.

    Raises `ValueError` unless there are more than d points, all in the support, `NumericalError`
    if the moves leave it or do not come to an end, as for points very unlike a sample of λ.
    """
    if not bool((weight(z) >= 0).all()):
        raise ValueError("z must lie in the support of the reference to be matched")
    for _ in range(MATCHING_STEPS):
        move = weight(z) * (match(z, mean, covariance) - z)
        z = z + move
        if not bool((weight(z) >= 0).all()):
            break
        if float(move.abs().max()) <= 4 * torch.finfo(z.dtype).eps * float(z.abs().max()):
            return z
    raise NumericalError(
        "the sample cannot be matched inside the support of the reference; use more points, or "
        "no matching"
    )
