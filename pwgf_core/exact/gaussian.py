"""Flows that stay Gaussian: Fokker–Planck equations with a quadratic potential."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..diagnostics.gaussian import gaussian_kl, gaussian_w2, moments
from ..errors import (
    check_covariance,
    check_not_negative,
    check_positive,
    check_real,
    check_symmetric,
    check_values,
)
from ..model import Cloud


class GaussianSolution:
    """∂_tρ = ∇·(ρ∇V) + D Δρ with V = ½(x − μ)ᵀP(x − μ), from the Gaussian N(m_0, C_0).

    ρ_t = N(m_t, C_t) with m_t = μ + e^{−tP}(m_0 − μ) and, for each pair of eigenvectors of P with
    eigenvalues p and q, (C_t)_pq = e^{−t(p+q)} (C_0)_pq + 2Dδ_pq ∫₀ᵗ e^{−2ps} ds.
    """

    def __init__(
        self,
        mean: Tensor,
        rates: Tensor,
        vectors: Tensor,
        diffusion: float,
        initial_mean: Tensor | None,
        initial_covariance: Tensor | None,
    ) -> None:
        check_positive("diffusion", diffusion)
        d = len(mean)
        self.mu, self.rates, self._vectors = mean.double(), rates, vectors
        self.diffusion = diffusion
        m0 = torch.zeros(d) if initial_mean is None else initial_mean
        c0 = torch.eye(d) if initial_covariance is None else initial_covariance
        check_real("initial_mean", m0, (d,))
        check_values("initial_mean", m0)
        check_covariance("initial_covariance", c0, d)
        self.m0, self.c0 = m0.double(), c0.double()

    @property
    def precision(self) -> Tensor:
        """P, shape (d, d)."""
        return (self._vectors * self.rates) @ self._vectors.T

    def _decay(self, t: float) -> Tensor:
        check_not_negative("t", t)
        return (self._vectors * torch.exp(-t * self.rates)) @ self._vectors.T

    def mean(self, t: float) -> Tensor:
        """m_t, shape (d,)."""
        return self.mu + self._decay(t) @ (self.m0 - self.mu)

    def covariance(self, t: float) -> Tensor:
        """C_t, shape (d, d)."""
        decay = self._decay(t)
        moving = torch.where(self.rates == 0, 1.0, self.rates)
        grown = torch.where(self.rates == 0, 2 * t, -torch.expm1(-2 * t * moving) / moving)
        noise = (self._vectors * (self.diffusion * grown)) @ self._vectors.T
        return noise + decay @ self.c0 @ decay

    def energy(self, t: float) -> float:
        """F(ρ_t) = ∫Vρ_t + D∫ρ_t log ρ_t = ½tr P(C + (m − μ)(m − μ)ᵀ) − (D/2) log det(2πe C)."""
        gap, c = self.mean(t) - self.mu, self.covariance(t)
        potential = 0.5 * float(torch.trace(self.precision @ c) + gap @ self.precision @ gap)
        return potential - 0.5 * self.diffusion * float(torch.logdet(2 * math.pi * math.e * c))

    def errors(self, cloud: Cloud, t: float) -> dict[str, float]:
        """`bures_w2`, `mean_error` |m − m_t| and `covariance_error` |C − C_t|_F of the sample."""
        mean, covariance = (a.cpu() for a in moments(cloud.x))
        m, c = self.mean(t), self.covariance(t)
        return {
            "bures_w2": gaussian_w2(mean, covariance, m, c),
            "mean_error": float(torch.linalg.vector_norm(mean - m)),
            "covariance_error": float(torch.linalg.matrix_norm(covariance - c)),
        }


class LinearDrift(GaussianSolution):
    """The solution for any symmetric P: the heat equation for P = 0, growth along P < 0.

    By default m_0 = 0, C_0 = I, D = 1.

    Raises `ValueError` if the shapes disagree, P is not symmetric, or D is not positive.

    >>> heat = LinearDrift(torch.zeros(1), torch.zeros(1, 1))
    >>> float(heat.covariance(0.5))  # 1 + 2t
    2.0
    """

    def __init__(
        self,
        mean: Tensor,
        precision: Tensor,
        diffusion: float = 1.0,
        initial_mean: Tensor | None = None,
        initial_covariance: Tensor | None = None,
    ) -> None:
        check_real("mean", mean, (None,))
        check_values("mean", mean)
        check_symmetric("precision", precision, len(mean))
        rates, vectors = torch.linalg.eigh(precision.double())
        super().__init__(mean, rates, vectors, diffusion, initial_mean, initial_covariance)


class OrnsteinUhlenbeck(GaussianSolution):
    """The solution for P = Σ⁻¹, Σ positive definite; the equilibrium is N(μ, DΣ).

    By default m_0 = 0, C_0 = I, D = 1.

    Raises `ValueError` if the shapes disagree, Σ is not positive definite, or D is not positive.

    >>> flow = OrnsteinUhlenbeck(torch.tensor([1.0]), torch.tensor([[0.25]]))
    >>> round(float(flow.mean(0.5)), 6)  # 1 − e^{−2}
    0.864665
    """

    def __init__(
        self,
        mean: Tensor,
        covariance: Tensor,
        diffusion: float = 1.0,
        initial_mean: Tensor | None = None,
        initial_covariance: Tensor | None = None,
    ) -> None:
        check_real("mean", mean, (None,))
        check_values("mean", mean)
        check_covariance("covariance", covariance, len(mean))
        self.sigma = covariance.double()
        values, vectors = torch.linalg.eigh(self.sigma)
        super().__init__(mean, 1 / values, vectors, diffusion, initial_mean, initial_covariance)

    def kl(self, t: float) -> float:
        """KL(ρ_t ‖ ρ_∞), with which F(ρ_t) = D (KL(ρ_t ‖ ρ_∞) − log Z), Z = ∫e^{−V/D}."""
        stationary = self.diffusion * self.sigma
        return gaussian_kl(self.mean(t), self.covariance(t), self.mu, stationary)
