"""Densities that jump: exact derivatives of the energies at the kinks of two-layer ReLU maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from cases import normal, relative_gap
from torch import Generator, Tensor
from torch.distributions import Independent, Laplace, StudentT

from pwgf_core import (
    Affine,
    Barenblatt,
    BiLevel,
    Cloud,
    Compose,
    Energy,
    Entropy,
    Explicit,
    FromDistribution,
    Gaussian,
    ImplicitRelaxed,
    PorousMedium,
    Potential,
    Problem,
    PushForward,
    Reference,
    Reparametrised,
    Residual,
    TwoLayerReLU,
    Uniform,
    evolve,
    problem,
)
from pwgf_core.flow import Scheme
from pwgf_core.model import Jumps
from pwgf_core.schemes.forces import energy_gradient, jump_force

HEIGHTS = Potential(lambda x: (0.05 * (x - 1) ** 2).sum(1))


class Case(NamedTuple):
    """An energy ∫ρ(V + f(log ρ)), V = (x − 1)²/20, and a λ whose support ends where ρP vanishes."""

    energy: Energy
    f: Callable[[Tensor], Tensor]
    reference: Reference
    edge: float


CASES = {
    "entropy": Case(Entropy(), lambda s: s, Gaussian(1), 13.0),
    "Gaussian, m = 2": Case(PorousMedium(2.0), torch.exp, Gaussian(1), 13.0),
    "Barenblatt, m = 2": Case(
        PorousMedium(2.0), torch.exp, Barenblatt(1, 2.0), Barenblatt(1, 2.0).radius
    ),
    "Barenblatt, m = 3": Case(
        PorousMedium(3.0), lambda s: torch.exp(2 * s) / 2, Barenblatt(1, 2.0),
        Barenblatt(1, 2.0).radius,
    ),
}  # fmt: skip
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
each_map = pytest.mark.parametrize(
    "transform", [TwoLayerReLU(6), TwoLayerReLU(6, shared=True)], ids=repr
)


def with_kinks(transform: TwoLayerReLU) -> Tensor:
    """An increasing map with slopes between 0.7 and 2.2 and kinks that do not meet."""
    n, generator = transform.width, Generator().manual_seed(3)
    rise = 0.5 * torch.rand(2, n, generator=generator, dtype=torch.float64) / n
    b = torch.linspace(-1.3, 1.3, n).double() + 0.1 * normal(generator, n)
    a, a2 = 0.7 / n + rise[0], -0.7 / n + rise[1]
    return torch.cat([a, b, a2] if transform.shared else [a, b, a2, b + 0.1])


def by_quadrature(case: Case, transform: TwoLayerReLU, theta: Tensor) -> float:
    """F(θ) by Gauss–Legendre rules on each piece of the map, split in four."""
    inner = transform.kinks(theta).z[:, 0]
    ends = torch.tensor([-case.edge, case.edge]).double()
    edges = torch.cat([ends[:1], inner[inner.abs() < case.edge], ends[1:]])
    quarters = torch.arange(4).double() / 4
    left = (edges[:-1, None] + edges.diff()[:, None] * quarters).reshape(-1)
    half = edges.diff().repeat_interleave(4) / 8
    x, w = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(30))
    z = ((left + half)[:, None] + half[:, None] * x).reshape(-1, 1)
    weight = (half[:, None] * w).reshape(-1)
    log_prob = case.reference.log_prob(z)
    y, logdet = transform.with_logdet(theta, z)
    values = HEIGHTS.V(y) + case.f(log_prob - logdet)
    return float((weight * log_prob.exp() * values).sum())


def by_differences(case: Case, transform: TwoLayerReLU, theta: Tensor) -> Tensor:
    step = 1e-4  # truncation ~ step² = 1e-8, rounding ~ 1e-15/step
    rows = step * torch.eye(len(theta), dtype=theta.dtype)
    ends = [[by_quadrature(case, transform, theta + s * r) for r in rows] for s in (1, -1)]
    up, down = torch.tensor(ends, dtype=torch.float64)
    return (up - down) / (2 * step)


def midpoints(reference: Reference, n: int) -> Tensor:
    return reference.from_uniform(((torch.arange(n).double() + 0.5) / n)[:, None])


@each_map
@each_case
def test_both_forms_are_the_derivative_of_the_energy(case: Case, transform: TwoLayerReLU) -> None:
    theta = with_kinks(transform)
    energy = HEIGHTS + case.energy
    expected = by_differences(case, transform, theta)
    model = PushForward(case.reference, transform)
    cloud, jacobian = model.linearize(theta, midpoints(case.reference, 2**17))
    gradient = energy_gradient(energy, cloud, jacobian)
    smooth = jacobian.vjp(energy.velocity(cloud)) / cloud.n
    force = smooth + jump_force(energy, cloud, jacobian)
    # midpoints: n⁻² in the bulk, log(n)/n = 1e-5 in a Gaussian tail
    assert float((gradient - expected).abs().max()) < 2e-6
    assert float((force + expected).abs().max()) < 3e-5
    # what the smooth pieces alone give is far away
    assert float((smooth + expected).abs().max()) > 0.02


@each_map
def test_entropy_and_its_gradient_are_exact_on_any_sample(transform: TwoLayerReLU) -> None:
    # E log λ(z) aside, the entropy of a piecewise linear map depends on the masses of the pieces.
    theta, case = with_kinks(transform), CASES["entropy"]
    z = Gaussian(1).sample(20, Generator().manual_seed(0))
    cloud, jacobian = PushForward(Gaussian(1), transform).linearize(theta, z)
    spread = HEIGHTS.value(cloud) + Gaussian(1).log_prob(z).mean()
    exact = by_quadrature(case, transform, theta) - by_quadrature(
        case._replace(f=lambda s: 0 * s), transform, theta
    )
    log_prob = float(Entropy().value(cloud) - spread + HEIGHTS.value(cloud))
    shift = 0.5 * np.log(2 * np.pi * np.e)  # −E log λ(z)
    assert log_prob - shift == pytest.approx(exact, abs=1e-12)  # round-off of the quadrature
    only = by_differences(case, transform, theta) - by_differences(
        case._replace(f=lambda s: 0 * s), transform, theta
    )
    gradient = energy_gradient(Entropy(), cloud, jacobian)
    assert float((gradient - only).abs().max()) < 1e-7  # that of the differences


@pytest.mark.parametrize("energy", [Entropy(), PorousMedium(2.0)], ids=["entropy", "m = 2"])
def test_the_energy_is_continuous_where_a_kink_passes_a_point(energy: Energy) -> None:
    transform = TwoLayerReLU(3, shared=True)
    theta, z = with_kinks(transform), Gaussian(1).sample(10, Generator().manual_seed(1))
    model = PushForward(Gaussian(1), transform)
    values, averages = [], []
    for side in (1e-9, -1e-9):
        moved = theta.clone()
        moved[4] = z[0, 0] + side
        cloud = model.cloud(moved, z)
        values.append(float(energy.value(cloud)))
        averages.append(float(energy.value(Cloud(cloud.x, cloud.log_rho))))
    assert values[0] == pytest.approx(values[1], abs=1e-8)
    assert abs(averages[0] - averages[1]) > 1e-3  # a step of log(s⁺/s⁻)/n without the correction


def test_the_correction_has_mean_zero() -> None:
    transform = TwoLayerReLU(4, shared=True)
    model, theta = PushForward(Gaussian(1), transform), with_kinks(transform)
    gaps = []
    for seed in range(400):
        z = Gaussian(1).sample(50, Generator().manual_seed(seed))
        cloud = model.cloud(theta, z)
        gaps.append(float(PorousMedium(2.0).value(cloud)) - float(cloud.log_rho.exp().mean()))
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / 20  # four standard errors
    assert np.std(gaps) > 1e-3


@each_map
def test_nothing_is_added_for_a_potential(transform: TwoLayerReLU) -> None:
    theta, z = with_kinks(transform), Gaussian(1).sample(30, Generator().manual_seed(0))
    cloud, jacobian = PushForward(Gaussian(1), transform).linearize(theta, z)
    weak = jacobian.vjp(HEIGHTS.velocity(cloud)) / cloud.n
    assert not bool(jump_force(HEIGHTS, cloud, jacobian).any())
    assert relative_gap(energy_gradient(HEIGHTS, cloud, jacobian), -weak) < 1e-13  # round-off


def test_shared_kinks_are_pairs_that_stay_together() -> None:
    shared, pairs = TwoLayerReLU(5, shared=True), TwoLayerReLU(5)
    a, b, a2 = with_kinks(shared).split(5)
    z = Gaussian(1).sample(40, Generator().manual_seed(0))
    one, two = torch.cat([a, b, a2]), torch.cat([a, b, a2, b])
    assert torch.equal(shared(one, z), pairs(two, z))
    fold = shared.jacobian(one, z).matrix
    wide = pairs.jacobian(two, z).matrix
    together = torch.cat([wide[:, :5], wide[:, 5:10] + wide[:, 15:], wide[:, 10:15]], 1)
    assert torch.equal(fold, together)
    below = pairs.kinks(two).below[::2]
    assert relative_gap(shared.kinks(one).below, below) < 1e-13  # round-off


REFERENCES: list[Reference] = [
    Gaussian(1),
    Uniform(torch.tensor([-1.0]), torch.tensor([2.0])),
    Barenblatt(1, 2.0, 0.3),
    Barenblatt(1, 1.5),
    FromDistribution(Laplace(torch.tensor(0.5).double(), torch.tensor(2.0).double())),
    FromDistribution(Independent(Laplace(torch.zeros(1).double(), torch.ones(1).double()), 1)),
]


@pytest.mark.parametrize("reference", REFERENCES, ids=repr)
def test_distribution_functions_invert_the_quantiles(reference: Reference) -> None:
    u = torch.linspace(0.001, 0.999, 301).double()
    assert relative_gap(reference.cdf(reference.from_uniform(u[:, None])), u) < 1e-12  # round-off


class Plain(Energy):
    """The entropy as a plain sample average."""

    def value(self, cloud: Cloud) -> Tensor:
        return cloud.log_rho.mean()

    def velocity(self, cloud: Cloud) -> Tensor:
        return -cloud.score


SCHEMES: list[Scheme] = [
    Explicit(0.01),
    Explicit(0.01, form="gradient"),
    ImplicitRelaxed(0.01),
    BiLevel(0.01),
]


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(
    ("transform", "energy"),
    [
        (Residual(2, 8, "relu"), Entropy()),
        (Compose(Affine(1), TwoLayerReLU(4)), Entropy()),
        (TwoLayerReLU(4), Plain()),
    ],
    ids=["residual", "composed", "plain average"],
)
def test_jumps_that_nobody_knows_are_refused(
    transform: TwoLayerReLU, energy: Energy, scheme: Scheme
) -> None:
    theta = transform.init(Generator().manual_seed(0))
    start = Problem(PushForward(Gaussian(transform.dim), transform), energy, theta)
    with pytest.raises(ValueError, match=r"the density of .* jumps"):
        evolve(start, scheme, t_end=0.01, samples=50, record=1, progress=False)
    # a potential needs no density
    easy = replace(start, energy=HEIGHTS)
    assert evolve(easy, scheme, t_end=0.01, samples=50, record=1, progress=False).status == (
        "completed"
    )


def test_a_reference_without_distribution_function_is_refused() -> None:
    law = FromDistribution(StudentT(torch.tensor(5.0).double()))
    model, transform = PushForward(law, TwoLayerReLU(4)), TwoLayerReLU(4)
    theta = transform.init(Generator())
    cloud = model.cloud(theta, torch.zeros(2, 1).double())
    with pytest.raises(ValueError, match=r"StudentT.* has no distribution function"):
        Entropy().value(cloud)


def test_speed_and_misfit_are_not_numbers_where_the_density_jumps() -> None:
    start = problem("quadratic_1d", transform="relu", layers=4)
    for scheme in (Explicit(0.01), ImplicitRelaxed(0.01), BiLevel(0.01)):
        run = evolve(start, scheme, t_end=0.01, samples=100, record=1, progress=False)
        assert np.isnan(run.history["speed"]).all()
        assert np.isnan(run.history["misfit"]).all()


def test_pullback_is_linear_and_knows_its_names() -> None:
    transform = TwoLayerReLU(3, shared=True)
    theta = with_kinks(transform)
    jumps = PushForward(Gaussian(1), transform).jumps(theta, torch.zeros(5, 1).double())
    assert isinstance(jumps, Jumps)
    names = ("below", "above", "excess", "z", "x")
    g = normal(Generator().manual_seed(0), 5, 3)
    total = jumps.pullback(**dict(zip(names, g, strict=True)))
    parts = sum(jumps.pullback(**{n: r}) for n, r in zip(names, g, strict=True))
    assert relative_gap(torch.as_tensor(parts), total) < 1e-13  # round-off
    moved = torch.autograd.functional.jacobian(lambda p: transform.kinks(p).z[:, 0], theta)
    assert relative_gap(jumps.pullback(z=g[3]), g[3] @ torch.as_tensor(moved)) < 1e-13


@each_case
def test_kinks_survive_other_parameters(case: Case) -> None:
    # θ = φ(η) with kinks at rest: the chain rule for both forms, and jumps that are not forgotten.
    inner = TwoLayerReLU(6, shared=True)
    theta = with_kinks(inner)
    a, b, a2 = theta.split(6)

    def phi(eta: Tensor) -> Tensor:
        return torch.cat([eta[:6], b, eta[6:]])

    eta = torch.cat([a, a2])
    transform = Reparametrised(inner, phi, eta)
    assert not transform.smooth
    energy, z = HEIGHTS + case.energy, midpoints(case.reference, 500)
    chosen = torch.ones(18).bool()
    chosen[6:12] = False
    for form in (energy_gradient, jump_force):
        whole = form(energy, *PushForward(case.reference, inner).linearize(theta, z))
        part = form(energy, *PushForward(case.reference, transform).linearize(eta, z))
        assert relative_gap(part, whole[chosen]) < 1e-12  # round-off
    relu = Residual(1, 4, "relu")
    assert not Reparametrised(relu, lambda p: p, torch.zeros(relu.n_params)).smooth
