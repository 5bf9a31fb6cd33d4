"""Parametric flows of affine maps in closed form: what the projected flow itself does."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.integrate import solve_ivp
from scipy.linalg import solve_continuous_lyapunov
from torch import Tensor

from ..diagnostics.gaussian import gaussian_w2, moments
from ..errors import (
    NumericalError,
    check_choice,
    check_not_negative,
    check_positive,
    check_real,
    check_symmetric,
    check_values,
)
from ..model import Cloud
from ..transforms.affine import KINDS

METRICS = ("relaxed", "wasserstein")


class ProjectedGaussian:
    """The flow of θ = (L, b) for x = Lz + b, λ = N(0, I), and the energy ∫Vρ + D∫ρ log ρ.

    V = ½(x − μ)ᵀP(x − μ) with any symmetric P. The velocity is v(x) = 𝒱(x − b) − P(b − μ) with
    𝒱 = −P + DS⁻¹, S = LLᵀ. So b′ = −P(b − μ), and with the relaxed metric Ĝ = I

    L′ = Π(𝒱L), Π the entries that are free in `kind` (`full`, `triangular`, `diagonal` or
    `translation`); δ̂ = |𝒱L − Π(𝒱L)|².

    With the Wasserstein metric triangular maps follow the exact flow, L′ = L Φ(L⁻¹(𝒱S + S𝒱)L⁻ᵀ),
    Φ the lower triangle with half the diagonal. The other kinds have one flow for both metrics.

    Raises `ValueError` for a kind or metric that is unknown, shapes that disagree, an L with
    entries that are not free, and a D that is not positive.

    >>> flow = ProjectedGaussian(torch.zeros(1), torch.tensor([[4.0]]), "translation")
    >>> flow.misfits(0.3)  # δ = (p − 1)²: the variance cannot move
    (9.0, 9.0, 9.0)
    """

    def __init__(
        self,
        mean: Tensor,
        precision: Tensor,
        kind: str = "triangular",
        metric: str = "relaxed",
        diffusion: float = 1.0,
        initial_matrix: Tensor | None = None,
        initial_mean: Tensor | None = None,
    ) -> None:
        check_real("mean", mean, (None,))
        check_values("mean", mean)
        d = len(mean)
        check_symmetric("precision", precision, d)
        check_choice("kind", kind, KINDS)
        check_choice("metric", metric, METRICS)
        check_positive("diffusion", diffusion)
        start = torch.eye(d) if initial_matrix is None else initial_matrix
        b0 = torch.zeros(d) if initial_mean is None else initial_mean
        check_real("initial_matrix", start, (d, d))
        check_real("initial_mean", b0, (d,))
        check_values("initial_matrix", start)
        check_values("initial_mean", b0)
        self.mu, self.p = mean.double().numpy(), precision.double().numpy()
        self.kind, self.metric, self.diffusion = kind, metric, diffusion
        ones = np.ones((d, d))
        self._free = {"full": ones, "triangular": np.tril(ones), "diagonal": np.eye(d)}.get(
            kind, np.zeros((d, d))
        )
        self._l0, self._b0 = start.double().numpy(), b0.double().numpy()
        fixed = (1 - self._free) * (self._l0 - np.eye(d))
        if np.any(fixed):
            raise ValueError(f"initial_matrix must be that of a {kind} map, got another")

    def _field(self, matrix: np.ndarray) -> np.ndarray:
        """𝒱, the matrix of the velocity."""
        return -self.p + self.diffusion * np.linalg.inv(matrix @ matrix.T)

    def _rate(self, matrix: np.ndarray) -> np.ndarray:
        field = self._field(matrix)
        if self.metric == "relaxed" or self.kind != "triangular":
            return self._free * (field @ matrix)
        # L⁻¹(𝒱S + S𝒱)L⁻ᵀ = N + Nᵀ with N = L⁻¹𝒱L.
        n = np.linalg.solve(matrix, field @ matrix)
        both = n + n.T
        return matrix @ (np.tril(both) - 0.5 * np.diag(np.diag(both)))

    def _solve(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        check_not_negative("t", t)
        d = len(self.mu)

        def rate(_: float, y: np.ndarray) -> np.ndarray:
            matrix, b = y[: d * d].reshape(d, d), y[d * d :]
            return np.concatenate([self._rate(matrix).ravel(), -self.p @ (b - self.mu)])

        start = np.concatenate([self._l0.ravel(), self._b0])
        result = solve_ivp(rate, (0, t), start, method="DOP853", rtol=1e-11, atol=1e-13)
        if not result.success:
            raise NumericalError(f"the equations of the flow failed: {result.message}")
        end = result.y[:, -1]
        return end[: d * d].reshape(d, d), end[d * d :]

    def parameters(self, t: float) -> tuple[Tensor, Tensor]:
        """L (d, d) and b (d,) at time t."""
        matrix, b = self._solve(t)
        return torch.from_numpy(matrix), torch.from_numpy(b)

    def mean(self, t: float) -> Tensor:
        """b, shape (d,)."""
        return self.parameters(t)[1]

    def covariance(self, t: float) -> Tensor:
        """S = LLᵀ, shape (d, d)."""
        matrix = self.parameters(t)[0]
        return matrix @ matrix.T

    def misfits(self, t: float) -> tuple[float, float, float]:
        """δ̂, δ and δ̂_P at θ(t), as in `diagnostics.Misfits`.

        δ̂_P = tr (Q − 𝒱)S(Q − 𝒱) with the symmetric Q of QS + SQ = L̂′Lᵀ + L L̂′ᵀ, L̂′ = Π(𝒱L).
        """
        matrix, _ = self._solve(t)
        field, s = self._field(matrix), matrix @ matrix.T
        moved = self._free * (field @ matrix)
        relaxed = float(((field @ matrix - moved) ** 2).sum())
        exact = 0.0 if self.kind in ("full", "triangular") else relaxed
        spread = moved @ matrix.T
        gap = solve_continuous_lyapunov(s, spread + spread.T) - field
        return relaxed, exact, float(np.trace(gap @ s @ gap))

    def energy(self, t: float) -> float:
        """F at θ(t)."""
        matrix, b = self._solve(t)
        gap = b - self.mu
        potential = 0.5 * (np.trace(self.p @ matrix @ matrix.T) + gap @ self.p @ gap)
        entropy = -0.5 * len(b) * math.log(2 * math.pi * math.e) - np.linalg.slogdet(matrix)[1]
        return float(potential + self.diffusion * entropy)

    def errors(self, cloud: Cloud, t: float) -> dict[str, float]:
        """`bures_w2` of the sample to N(b, S)."""
        mean, covariance = (a.cpu() for a in moments(cloud.x))
        return {"bures_w2": gaussian_w2(mean, covariance, self.mean(t), self.covariance(t))}


def gaussian_proximal_step(
    sigma: Tensor, b: Tensor, h: float, p: Tensor, mean: Tensor, diffusion: float = 1.0
) -> tuple[Tensor, Tensor]:
    """One step argmin W2²(ρ, ρ_k)/(2h) + F(ρ) from ρ_k = N(b, diag σ²), F with P = diag p.

    σ⁺ = [σ + √(σ² + 4hD(1 + hp))] / (2(1 + hp)) and b⁺ = (b + hpμ)/(1 + hp), all of shape (d,). For
    diagonal affine maps it is the proximal step with either metric.

    Raises `ValueError` for an h or a D that is not positive.

    >>> one = torch.ones(1)
    >>> gaussian_proximal_step(one, one, 0.5, one, one)  # the equilibrium stays
    (tensor([1.]), tensor([1.]))
    """
    check_positive("h", h)
    check_positive("diffusion", diffusion)
    check_real("sigma", sigma, (None,))
    if not bool((sigma > 0).all()):
        raise ValueError(f"sigma must be above 0, got {float(sigma.min()):.3g}")
    for name, value in (("b", b), ("p", p), ("mean", mean)):
        check_real(name, value, tuple(sigma.shape))
    stiff = 1 + h * p
    root = torch.sqrt(sigma * sigma + 4 * h * diffusion * stiff)
    return (sigma + root) / (2 * stiff), (b + h * p * mean) / stiff
