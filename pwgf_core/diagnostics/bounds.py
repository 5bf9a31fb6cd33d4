"""Bounds of W2 between the parametric flow ρ_θ and the flow ρ, with all constants.

∇²V ⪰ λI, E0 = W2(ρ_0, ρ_θ0), and δ ≥ E|P(Jξ) − v|² along the run. The bounds that use the
equilibrium ρ* ∝ e^{−V/D} need its log-Sobolev constant μ, KL ≤ I/(2μ), through κ = μD, and a ξ that
is an exact projection.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import check_lists, check_not_negative, check_number, check_positive, check_type


def _not_negative(**values: float) -> None:
    for name, value in values.items():
        check_not_negative(name, value)


def _weight(rate: float, t: float) -> float:
    """∫₀ᵗ e^{−rate s} ds."""
    return t if rate == 0 else -math.expm1(-rate * t) / rate


def growth_bound(t: float, lam: float, delta: float, e0: float = 0.0) -> float:
    """W2(t) ≤ e^{−λt} E0 + √δ (1 − e^{−λt})/λ, and E0 + t√δ for λ = 0, of any sign of λ.

    Raises `ValueError` for negative t, δ or E0.

    >>> growth_bound(2.0, lam=0.0, delta=0.25, e0=0.1)
    1.1
    """
    _not_negative(t=t, delta=delta, e0=e0)
    check_number("lam", lam)
    return math.exp(-lam * t) * e0 + math.sqrt(delta) * _weight(lam, t)


def growth_bound_along(
    t: Sequence[float], lam: float, delta: Sequence[float], e0: float = 0.0
) -> list[float]:
    """W2(t) ≤ e^{−λt} E0 + ∫₀ᵗ e^{−λ(t−s)} √δ(s) ds at every time, a posteriori.

    `delta` holds the residual E|P(Jξ) − v|² of the ξ that the scheme used; between two times the
    larger of the two values is taken.

    Raises `ValueError` for lists of two lengths, times that do not increase, or negative values.

    >>> growth_bound_along([0.0, 1.0, 2.0], lam=0.0, delta=[1.0, 0.25, 0.25])
    [0.0, 1.0, 1.5]
    """
    _not_negative(e0=e0)
    check_lists(1, t=t, delta=delta)
    check_number("lam", lam)
    for value in delta:
        check_not_negative("delta", value)
    bounds = [e0]
    for k in range(1, len(t)):
        step = t[k] - t[k - 1]
        check_positive("the difference of successive t", step)
        worst = max(delta[k - 1], delta[k])
        bounds.append(growth_bound(step, lam, worst, bounds[-1]))
    return bounds


def equilibrium_constant(kappa: float, gap_theta: float, gap: float) -> float:
    """C = √(2/κ) (√(F(ρ_θ0) − F*) + √(F(ρ_0) − F*)), with which W2 ≤ C e^{−κt} + √δ/κ.

    >>> equilibrium_constant(2.0, 1.0, 4.0)
    3.0
    """
    check_positive("kappa", kappa)
    _not_negative(gap_theta=gap_theta, gap=gap)
    return math.sqrt(2 / kappa) * (math.sqrt(gap_theta) + math.sqrt(gap))


def equilibrium_bound(t: float, kappa: float, delta: float, c: float) -> float:
    """W2(t) ≤ C e^{−κt} + √δ/κ.

    >>> equilibrium_bound(0.0, kappa=2.0, delta=0.04, c=1.0)
    1.1
    """
    check_positive("kappa", kappa)
    _not_negative(t=t, delta=delta, c=c)
    return c * math.exp(-kappa * t) + math.sqrt(delta) / kappa


def energy_bound(
    t: float, kappa: float, delta: float, gap_theta: float, exact: bool = True
) -> float:
    """F(ρ_θt) − F* ≤ e^{−2κt} (F(ρ_θ0) − F*) + δ/(2κ), where ξ is an exact projection.

    With a damped or inexact ξ (`exact=False`) d/dt (F − F*) ≤ −κ(F − F*) + δ/2 only, and the first
    term decays with e^{−κt}.

    >>> energy_bound(0.0, kappa=0.5, delta=0.1, gap_theta=1.0)
    1.1
    """
    check_positive("kappa", kappa)
    _not_negative(t=t, delta=delta, gap_theta=gap_theta)
    check_type("exact", exact, bool)
    rate = 2 * kappa if exact else kappa
    return math.exp(-rate * t) * gap_theta + delta / (2 * kappa)


def uniform_bound(
    lam: float,
    delta: float,
    e0: float = 0.0,
    kappa: float | None = None,
    c: float | None = None,
) -> float:
    """A bound of W2(t) for all t ≥ 0, from the better of growth and equilibrium at every t.

    λ > 0: max(E0, √δ/λ). λ = 0: E0 + √δ max{κ⁻¹ log⁺(C/(E0 + √δ)), 1 + 1/κ}. λ < 0:
    C^{1−α} η^α + √δ/κ with η = E0 + √δ/|λ| and α = κ/(κ + |λ|), or C + √δ/κ where η ≥ C.

    Raises `ValueError` for negative δ, E0 or C, and where λ ≤ 0 comes without κ and C.

    >>> uniform_bound(lam=2.0, delta=0.04)
    0.1
    >>> round(uniform_bound(lam=-1.0, delta=0.0, e0=0.01, kappa=1.0, c=1.0), 6)
    0.1
    """
    _not_negative(delta=delta, e0=e0)
    check_number("lam", lam)
    root = math.sqrt(delta)
    if lam > 0:
        return max(e0, root / lam)
    if kappa is None or c is None:
        raise ValueError(f"kappa and c must be given where lam is not positive, got lam={lam!r}")
    check_positive("kappa", kappa)
    _not_negative(c=c)
    if lam == 0:
        start = e0 + root
        late = max(0.0, math.log(c / start)) / kappa if start > 0 and c > 0 else 0.0
        return e0 + root * max(late, 1 + 1 / kappa)
    eta, alpha = e0 + root / abs(lam), kappa / (kappa + abs(lam))
    return min(c, c ** (1 - alpha) * eta**alpha) + root / kappa
