"""Exact solutions of Wasserstein gradient flows, in double precision."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .diagnostics import gaussian_kl, gaussian_w2, moments
from .errors import check_positive, check_shape
from .model import Cloud


class OrnsteinUhlenbeck:
    """∂_tρ = ∇·(ρ∇V) + D Δρ with V = ½(x − μ)ᵀP(x − μ), from the Gaussian N(m_0, C_0).

    ρ_t = N(m_t, C_t) with m_t = μ + e^{−tP}(m_0 − μ) and C_t = DΣ + e^{−tP}(C_0 − DΣ)e^{−tP},
    Σ = P⁻¹; the equilibrium is N(μ, DΣ). By default m_0 = 0, C_0 = I, D = 1.

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
        check_shape("mean", mean, (None,))
        d = len(mean)
        check_shape("covariance", covariance, (d, d))
        check_positive("diffusion", diffusion)
        self.mu, self.sigma = mean.double(), covariance.double()
        values, self._vectors = torch.linalg.eigh(self.sigma)
        if not bool(values[0] > 0):
            raise ValueError(f"covariance must be positive definite, got eigenvalue {values[0]}")
        self.rates = 1 / values  # eigenvalues of P
        self.diffusion = diffusion
        self.m0 = torch.zeros(d).double() if initial_mean is None else initial_mean.double()
        self.c0 = (
            torch.eye(d).double() if initial_covariance is None else initial_covariance.double()
        )

    @property
    def precision(self) -> Tensor:
        """P = Σ⁻¹, shape (d, d)."""
        return (self._vectors * self.rates) @ self._vectors.T

    def _decay(self, t: float) -> Tensor:
        return (self._vectors * torch.exp(-t * self.rates)) @ self._vectors.T

    def mean(self, t: float) -> Tensor:
        """m_t, shape (d,)."""
        return self.mu + self._decay(t) @ (self.m0 - self.mu)

    def covariance(self, t: float) -> Tensor:
        """C_t, shape (d, d)."""
        decay, stationary = self._decay(t), self.diffusion * self.sigma
        return stationary + decay @ (self.c0 - stationary) @ decay

    def kl(self, t: float) -> float:
        """KL(ρ_t ‖ ρ_∞)."""
        stationary = self.diffusion * self.sigma
        return gaussian_kl(self.mean(t), self.covariance(t), self.mu, stationary)

    def energy(self, t: float) -> float:
        """F(ρ_t) = ∫Vρ_t + D∫ρ_t log ρ_t = D (KL(ρ_t ‖ ρ_∞) − log Z), Z = ∫e^{−V/D}."""
        log_z = 0.5 * float(torch.logdet(2 * math.pi * self.diffusion * self.sigma))
        return self.diffusion * (self.kl(t) - log_z)

    def errors(self, cloud: Cloud, t: float) -> dict[str, float]:
        """`bures_w2`, `mean_error` |m − m_t| and `covariance_error` |C − C_t|_F of the sample."""
        mean, covariance = (a.cpu() for a in moments(cloud.x))
        m, c = self.mean(t), self.covariance(t)
        return {
            "bures_w2": gaussian_w2(mean, covariance, m, c),
            "mean_error": float(torch.linalg.vector_norm(mean - m)),
            "covariance_error": float(torch.linalg.matrix_norm(covariance - c)),
        }
