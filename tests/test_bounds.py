"""Misfits of a tangent space, and the error bounds on flows with a known solution."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import pytest
import torch
from cases import normal, random_theta
from torch import Generator, Tensor

from pwgf_core import (
    Affine,
    Cloud,
    Compose,
    Dense,
    Entropy,
    Explicit,
    FokkerPlanck1D,
    Gaussian,
    LinearDrift,
    Planar,
    Potential,
    Problem,
    ProjectedGaussian,
    PushForward,
    RelaxedMetric,
    convergence_order,
    dissipation,
    energy_bound,
    equilibrium_bound,
    equilibrium_constant,
    evolve,
    gaussian_w2,
    growth_bound,
    growth_bound_along,
    misfit,
    misfits,
    uniform_bound,
    w2_1d,
)

# Misfits


def polynomial_projection(cloud: Cloud, v: Tensor) -> Tensor:
    """Orthonormal basis of gradients of polynomials of degree ≤ 4 in the plane, and v itself."""
    powers = [(i, j) for i in range(5) for j in range(5 - i) if i + j > 0]

    def gradient(i: int, j: int) -> Tensor:
        f = torch.func.grad(lambda x: (x[:, 0] ** i * x[:, 1] ** j).sum())
        return f(cloud.x).reshape(-1)

    columns = [gradient(i, j) for i, j in powers] + [v.reshape(-1)]
    return torch.linalg.qr(torch.stack(columns, 1)).Q


@pytest.mark.parametrize(
    "transform", [Planar(2, 5), Compose(Affine(2, "triangular"), Planar(2, 3))], ids=repr
)
@pytest.mark.parametrize("degenerate", [False, True], ids=["away", "at u = 0"])
def test_the_misfits_are_ordered(transform: Planar, degenerate: bool, generator: Generator) -> None:
    # P is a projection that keeps v, so δ ≤ δ̂_P ≤ δ̂ on the sample; at u = 0 J loses rank.
    theta = transform.init(generator) if degenerate else random_theta(transform, generator)
    z = Gaussian(2).draw(512, generator, sampling="sobol")
    cloud, jacobian = PushForward(Gaussian(2), transform).linearize(theta, z)
    energy = Potential(lambda x: (0.25 * x**4).sum(1) + x[:, 0] * x[:, 1]) + Entropy()
    v = energy.velocity(cloud)
    basis = polynomial_projection(cloud, v)

    def project(field: Tensor) -> Tensor:
        return (basis @ (basis.T @ field.reshape(-1))).reshape(field.shape)

    relaxed, exact, projected, xi = misfits(jacobian, v, project)
    assert exact is not None
    assert projected is not None
    scale = 1e-6 * float((v * v).sum(1).mean())  # the cut, 1e-8, times condition
    assert 0 <= exact <= projected + scale <= relaxed + 2 * scale
    assert projected < 0.999 * relaxed  # the field of a planar flow is no gradient
    assert misfit(jacobian, v, xi) == pytest.approx(relaxed, rel=1e-10)
    assert misfit(jacobian, v, xi, project) == pytest.approx(projected, rel=1e-10)
    # No other ξ does better, and δ̂ = E|v|² − gᵀĜ†g.
    other = xi + 1e-2 * normal(generator, len(xi))
    assert misfit(jacobian, v, other) > relaxed
    metric = RelaxedMetric(jacobian)
    g = metric.right_hand_side(v)
    product = float(g @ torch.linalg.pinv(metric.dense(), rtol=1e-8, hermitian=True) @ g)
    assert relaxed == pytest.approx(float((v * v).sum(1).mean()) - product, rel=1e-6)


def test_without_a_projection_only_the_relaxed_misfit(generator: Generator) -> None:
    jacobian = Affine(2).jacobian(Affine(2).init(generator), normal(generator, 9, 2))
    v = jacobian.z @ normal(generator, 2, 2)
    relaxed, exact, projected, _ = misfits(jacobian, v)
    assert relaxed < 1e-20  # an affine field is in the tangent space of affine maps
    assert (exact, projected) == (None, None)
    with pytest.raises(ValueError, match=r"v must have shape \(9, 2\), got \(8, 2\)"):
        misfits(jacobian, v[:8])
    with pytest.raises(ValueError, match="cut must be a finite number above 0, got 0"):
        misfits(jacobian, v, cut=0)


# Bounds on flows of Gaussians


@pytest.mark.parametrize("t", [0.1, 0.4, 3.0])
def test_growth_is_tight_for_translations(t: float) -> None:
    # √δ = |p − 1|, and W2 = |1 − √(1/p + (1 − 1/p)e^{−2pt})| where the means agree.
    p = 4.0
    bound = growth_bound(t, p, (p - 1) ** 2)
    w2 = abs(1 - math.sqrt(1 / p + (1 - 1 / p) * math.exp(-2 * p * t)))
    assert bound == pytest.approx((p - 1) * (1 - math.exp(-p * t)) / p, rel=1e-12)
    assert w2 <= bound <= 1.51 * w2
    assert growth_bound(t, 1e-9, 4.0) == pytest.approx(growth_bound(t, 0.0, 4.0), rel=1e-8)
    heat = math.sqrt(1 + 2 * t) - 1
    assert heat <= growth_bound(t, 0.0, 1.0) == t


def test_figures_of_the_translations() -> None:
    assert growth_bound(0.4, 4.0, 9.0) == pytest.approx(0.599, abs=5e-4)
    assert growth_bound(40.0, 4.0, 9.0) == pytest.approx(0.750, abs=1e-12)
    assert uniform_bound(4.0, 9.0) == 0.75


class Triangular(NamedTuple):
    rates: tuple[float, float]
    start: tuple[float, float]
    lam: float


@pytest.mark.parametrize(
    "case",
    [
        Triangular((1.0, 8.0), (1.0, 1.0), 1.0),
        Triangular((0.0, 0.0), (0.05, 2.0), 0.0),
        Triangular((-0.5, -0.5), (0.05, 2.0), -0.5),
    ],
    ids=["ornstein_uhlenbeck", "heat", "inverted"],
)
def test_growth_along_the_relaxed_flow_of_triangular_maps(case: Triangular) -> None:
    c, s = math.cos(0.7), math.sin(0.7)
    q = torch.tensor([[c, -s], [s, c]]).double()
    p, mean = (q * torch.tensor(case.rates)) @ q.T, torch.ones(2)
    start = (q * torch.tensor(case.start)) @ q.T
    p, start = 0.5 * (p + p.T), 0.5 * (start + start.T)
    exact = LinearDrift(mean, p, initial_covariance=start)
    flow = ProjectedGaussian(mean, p, initial_matrix=torch.linalg.cholesky(start))
    times = [0.02 * k for k in range(101)]
    found = [flow.misfits(t) for t in times]
    w2 = [
        gaussian_w2(flow.mean(t), flow.covariance(t), exact.mean(t), exact.covariance(t))
        for t in times
    ]
    relaxed = growth_bound_along(times, case.lam, [m[0] for m in found])
    projected = growth_bound_along(times, case.lam, [m[2] for m in found])
    for error, sharper, bound in zip(w2, projected, relaxed, strict=True):
        assert error <= sharper + 1e-7  # the root of round-off in W2
        assert sharper <= bound + 1e-12
    assert projected[-1] < 25 * max(w2)  # a bound of the right size
    # It is below the bound with the supremum of δ, and tends to it for a constant δ.
    worst = max(m[2] for m in found)
    assert projected[-1] <= growth_bound(times[-1], case.lam, worst)
    constant = growth_bound_along(times, case.lam, [worst] * len(times))
    assert constant[-1] == pytest.approx(growth_bound(times[-1], case.lam, worst), rel=1e-12)


def test_growth_along_names_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="one length above 0, got 2 and 1"):
        growth_bound_along([0.0, 1.0], 0.0, [1.0])
    with pytest.raises(ValueError, match="difference of successive t must be a finite number"):
        growth_bound_along([0.0, 0.0], 0.0, [1.0, 1.0])
    with pytest.raises(ValueError, match="delta must be a finite number of at least 0, got -1"):
        growth_bound(1.0, 0.0, -1.0)


# Bounds with an equilibrium: the translations of a Gaussian in three potentials


class Well(NamedTuple):
    """V, its λ, and a log-Sobolev constant μ of e^{−V} (Bakry–Émery, Holley–Stroock)."""

    quartic: float
    quadratic: float
    lam: float
    mu: float

    def value(self, x: Tensor) -> Tensor:
        return self.quartic * x**4 / 4 + self.quadratic * x**2 / 2

    def slope(self, x: Tensor) -> Tensor:
        return self.quartic * x**3 + self.quadratic * x


WELLS = {
    "convex": Well(1.0, 1.0, 1.0, 1.0),
    "flat": Well(1.0, 0.0, 0.0, 0.8578),
    "double": Well(1.0, -1.0, -1.0, 0.3679),
}


@pytest.mark.parametrize("well", WELLS.values(), ids=WELLS)
def test_bounds_hold_for_translations_in_a_well(well: Well) -> None:
    spread, b, h, t_end = 0.5, 1.0, 0.01, 6.0
    z = spread * torch.special.ndtri((torch.arange(4000, dtype=torch.float64) + 0.5) / 4000)

    def misfit_of(b: float) -> float:
        v = -well.slope(z + b) + z / spread**2
        return float((v - v.mean()).square().mean())

    def rate(b: float) -> float:
        return -float(well.slope(z + b).mean())

    exact = FokkerPlanck1D(
        well.value, lambda x: torch.exp(-0.5 * ((x - 1.0) / spread) ** 2), (-6, 6), 1500, dt=2e-3
    )
    log_z = math.log(float(torch.exp(-well.value(exact.x)).sum()) * exact.dx)
    entropy = -0.5 * math.log(2 * math.pi * math.e * spread**2)
    times, delta, w2, gap = [0.0], [misfit_of(b)], [0.0], [0.0]
    gap = [float(well.value(z + b).mean()) + entropy + log_z]
    for k in range(1, round(t_end / h) + 1):
        middle = b + 0.5 * h * rate(b)
        b = b + h * rate(middle)
        if k % 20 == 0:
            times.append(k * h)
            delta.append(misfit_of(b))
            w2.append(w2_1d(z + b, lambda u, t=times[-1]: exact.quantile(u, t)))
            gap.append(float(well.value(z + b).mean()) + entropy + log_z)
    worst = max(delta)
    c = equilibrium_constant(well.mu, gap[0], exact.energy(0.0) + log_z)
    uniform = uniform_bound(well.lam, worst, 0.0, well.mu, c)
    along = growth_bound_along(times, well.lam, delta)
    assert w2[-1] > 0.05  # the family is poor on purpose
    for t, error, posterior, value in zip(times, w2, along, gap, strict=True):
        assert error <= posterior <= growth_bound(t, well.lam, worst) + 1e-9
        assert error <= equilibrium_bound(t, well.mu, worst, c)
        assert value <= energy_bound(t, well.mu, worst, gap[0])
        assert error <= uniform
        # The better of the two at this time is below the uniform bound.
        better = min(growth_bound(t, well.lam, worst), equilibrium_bound(t, well.mu, worst, c))
        assert better <= uniform + 1e-9
    assert all(
        energy_bound(t, 1.0, 0.1, 1.0, False) >= energy_bound(t, 1.0, 0.1, 1.0) for t in times
    )


@pytest.mark.parametrize("lam", [0.7, 0.0, -0.4, -3.0])
@pytest.mark.parametrize("delta", [0.0, 1e-4, 0.3])
@pytest.mark.parametrize("e0", [0.0, 1e-3, 0.5, 5.0])
def test_the_uniform_bound_is_above_the_better_of_both(lam: float, delta: float, e0: float) -> None:
    kappa, c = 0.6, 2.0
    uniform = uniform_bound(lam, delta, e0, kappa, c)
    times = [0.05 * k for k in range(800)]
    better = [
        min(growth_bound(t, lam, delta, e0), equilibrium_bound(t, kappa, delta, c)) for t in times
    ]
    assert max(better) <= uniform * (1 + 1e-12) + 1e-15
    assert uniform <= 3 * max(better) + math.sqrt(delta) / kappa + e0  # not far above


def test_the_uniform_bound_has_the_rates_of_the_theory() -> None:
    deltas = [1e-8, 1e-7, 1e-6]
    convex = [uniform_bound(1.0, d) for d in deltas]
    assert convergence_order(deltas, convex) == pytest.approx(0.5, abs=1e-12)
    # λ = 0: √δ log(1/√δ), up to constants.
    flat = [
        uniform_bound(0.0, d, 0.0, 1.0, 1.0) / (math.sqrt(d) * -0.5 * math.log(d)) for d in deltas
    ]
    assert flat == pytest.approx([1.0] * 3, rel=1e-9)
    # λ < 0: δ^{α/2}, α = κ/(κ + |λ|) = 1/3.
    double = [uniform_bound(-2.0, d, 0.0, 1.0, 1.0) for d in deltas]
    assert convergence_order(deltas, double) == pytest.approx(1 / 6, abs=0.01)


def test_the_uniform_bound_of_a_start_far_off() -> None:
    # η ≥ C: the equilibrium bound alone.
    assert uniform_bound(-1.0, 0.04, e0=5.0, kappa=2.0, c=1.0) == pytest.approx(1.1, rel=1e-12)
    assert uniform_bound(-1.0, 0.0, e0=0.01, kappa=1.0, c=1.0) == pytest.approx(0.1, rel=1e-12)


def test_talagrand_is_tight_for_a_moved_gaussian() -> None:
    # N(a, 1/p) to N(0, 1/p): W2 = a, and D KL = p a²/2 with κ = p for D = 1.
    p, a = 3.0, 0.7
    assert equilibrium_constant(p, p * a * a / 2, 0.0) == pytest.approx(a, rel=1e-12)
    assert equilibrium_constant(p, 0.0, p * a * a / 2) == pytest.approx(a, rel=1e-12)


def test_constants_are_needed_and_named() -> None:
    with pytest.raises(ValueError, match=r"kappa and c must be given where lam is not positive"):
        uniform_bound(0.0, 0.1)
    with pytest.raises(ValueError, match="kappa must be a finite number above 0, got 0"):
        equilibrium_bound(1.0, 0.0, 0.1, 1.0)
    with pytest.raises(ValueError, match="gap must be a finite number of at least 0, got -1"):
        equilibrium_constant(1.0, 0.1, -1.0)


# Dissipation along a run


def gaussian_problem(generator: Generator) -> Problem:
    # Triangular maps cannot follow the velocity of a rotated drift: δ̂ > 0.
    transform = Affine(2, "triangular")
    return Problem(
        PushForward(Gaussian(2), transform),
        Potential.quadratic(torch.ones(2).double(), torch.tensor([[4.0, 3.0], [3.0, 4.0]]).double())
        + Entropy(),
        transform.init(generator),
        samples=64,
        sampling="matched",
        solver=Dense(),
    )


def test_the_energy_falls_at_the_rate_of_the_identity(generator: Generator) -> None:
    problem = gaussian_problem(generator)
    hs, defects, lost = [0.04, 0.02, 0.01], [], 0.0
    for h in hs:
        run = evolve(problem, Explicit(h=h), t_end=0.4, record=1, progress=False)
        found = dissipation(run)
        assert found.increase < 0
        defects.append(found.defect)
        lost = h * sum(run.history["misfit"])
    # The trapezoidal rule and the midpoint scheme; matched samples make every average exact.
    assert convergence_order(hs, defects) == pytest.approx(2, abs=0.15), defects
    assert lost > 10 * defects[-1]  # δ̂ counts in the identity


def test_dissipation_tells_a_wrong_rate_and_a_rise(generator: Generator) -> None:
    problem = gaussian_problem(generator)
    run = evolve(problem, Explicit(h=0.02), t_end=0.2, record=1, progress=False)
    lost = run.history["energy"][0] - run.history["energy"][-1]
    doubled = replace(run, history={**run.history, "speed": [2 * s for s in run.history["speed"]]})
    assert dissipation(doubled).defect > 0.5 * lost
    reversed_ = replace(run, history={**run.history, "energy": run.history["energy"][::-1]})
    steps = [a - b for a, b in pairwise(run.history["energy"])]
    assert dissipation(reversed_).increase == pytest.approx(max(steps), rel=1e-12)


def test_dissipation_names_what_is_wrong(generator: Generator) -> None:
    problem = gaussian_problem(generator)
    one = evolve(problem, Explicit(h=0.1), t_end=0.1, record=1, progress=False)
    with pytest.raises(ValueError, match="a run of two or more steps, got 1"):
        dissipation(one)
    scheme = Explicit(h=0.05, form="gradient")
    gradient = evolve(problem, scheme, t_end=0.1, record=1, progress=False)
    with pytest.raises(ValueError, match="a run of the velocity form"):
        dissipation(gradient)
