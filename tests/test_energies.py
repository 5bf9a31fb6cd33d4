"""Energies: sums and multiples, first variations, and the weak form E[Jᵀv] = −∇_θF."""

from __future__ import annotations

import math

import pytest
import torch
from cases import ENERGIES, TRANSFORMS, normal, random_theta, relative_gap
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal

from pwgf_core import (
    Affine,
    Cloud,
    Compose,
    Energy,
    Entropy,
    Gaussian,
    Planar,
    Potential,
    PushForward,
    RelaxedMetric,
    Transform,
)
from pwgf_core.schemes.forces import energy_gradient

DENSITY = [ENERGIES["entropy"], ENERGIES["fokker_planck"]]  # with log ρ
each_energy = pytest.mark.parametrize("energy", ENERGIES.values(), ids=ENERGIES)
each_transform = pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)


def free_energy(energy: Energy, transform: Transform, theta: Tensor, z: Tensor) -> Tensor:
    """F(θ) on the sample z through `with_logdet`, differentiable in θ by autograd.

    Where DT_θ jumps, this misses the motion of the jumps (test_kinks.py).
    """
    x, logdet = transform.with_logdet(theta, z)
    return energy.value(Cloud(x, Gaussian(transform.dim).log_prob(z) - logdet))


def weak_form(
    energy: Energy, transform: Transform, theta: Tensor, z: Tensor
) -> tuple[Tensor, Tensor]:
    """E[Jᵀv] with the pointwise velocity, and −∇_θF of the sample average."""
    cloud, jacobian = PushForward(Gaussian(transform.dim), transform).linearize(theta, z)
    right = RelaxedMetric(jacobian).right_hand_side(energy.velocity(cloud))
    return right, -energy_gradient(energy, cloud, jacobian)


@each_transform
@each_energy
def test_energy_gradient_is_that_of_autograd(
    transform: Transform, energy: Energy, generator: Generator
) -> None:
    if energy in DENSITY and not transform.smooth:
        energy = ENERGIES["quartic"]
    theta = random_theta(transform, generator)
    z = normal(generator, 17, transform.dim)
    fast = -weak_form(energy, transform, theta, z)[1]
    slow = torch.func.grad(lambda p: free_energy(energy, transform, p, z))(theta)
    assert relative_gap(fast, slow) < 1e-11  # round-off


@each_energy
def test_energy_gradient_against_differences(energy: Energy, generator: Generator) -> None:
    transform = Compose(Affine(2), Planar(2, 4))
    theta, z = random_theta(transform, generator), normal(generator, 50, 2)
    direction = normal(generator, transform.n_params)
    step = 1e-5  # central differences: truncation ~ step²
    ends = [free_energy(energy, transform, theta + s * step * direction, z) for s in (1, -1)]
    expected = float(ends[0] - ends[1]) / (2 * step)
    assert float(-weak_form(energy, transform, theta, z)[1] @ direction) == pytest.approx(
        expected, rel=1e-6
    )


@each_transform
@pytest.mark.parametrize("name", ["quadratic", "quartic"])
def test_weak_form_is_exact_on_the_sample_for_a_potential(
    transform: Transform, name: str, generator: Generator
) -> None:
    theta = random_theta(transform, generator)
    z = normal(generator, 9, transform.dim)
    assert relative_gap(*weak_form(ENERGIES[name], transform, theta, z)) < 1e-12  # round-off


@pytest.mark.parametrize("name", ["entropy", "fokker_planck"])
@pytest.mark.parametrize(
    "transform", [Planar(2, 5), Compose(Affine(2), Planar(2, 5)), Planar(1, 5)], ids=repr
)
def test_weak_form_holds_in_expectation_for_the_entropy(
    name: str, transform: Transform, generator: Generator
) -> None:
    theta = random_theta(transform, generator)
    gaps = []
    for n in (2**8, 2**14):
        z = Gaussian(transform.dim).draw(n, generator, sampling="matched")
        gaps.append(relative_gap(*weak_form(ENERGIES[name], transform, theta, z)))
    # Quasi-Monte Carlo: the error falls about like 1/n, at least like n^−0.6 in between.
    assert gaps[1] < 2e-3
    assert gaps[1] < gaps[0] / 64**0.6


@pytest.mark.parametrize("name", ["quadratic", "entropy"])
def test_weak_form_is_exact_for_gaussians_on_matched_samples(
    name: str, generator: Generator
) -> None:
    # Every average is one of E[1], E[z], E[zzᵀ], which matching makes exact.
    transform = Affine(3)
    z = Gaussian(3).draw(40, generator, sampling="matched")
    theta = random_theta(transform, generator)
    assert relative_gap(*weak_form(ENERGIES[name], transform, theta, z)) < 1e-12  # round-off


@each_energy
def test_velocity_is_minus_the_gradient_of_the_first_variation(
    energy: Energy, generator: Generator
) -> None:
    # On ρ = N(b, UUᵀ), move every point by s φ(x), φ(x) = x_2 e_1 + x: the rate of F is
    # −E[v·φ], and F along it is known where moments are matched.
    transform = Affine(2)
    theta = random_theta(transform, generator)
    u, b = transform.split(theta)
    z = Gaussian(2).draw(2**12, generator, sampling="matched")
    model = PushForward(Gaussian(2), transform)
    cloud = model.cloud(theta, z)
    shear = torch.tensor([[1.0, 1.0], [0.0, 1.0]]).double()

    def moved(s: float) -> float:
        push = torch.eye(2).double() + s * shear
        return float(energy.value(model.cloud(transform.join(push @ u, push @ b), z)))

    step = 1e-4  # central differences: truncation ~ step²
    rate = (moved(step) - moved(-step)) / (2 * step)
    expected = -float((energy.velocity(cloud) * (cloud.x @ shear.T)).sum(1).mean())
    assert rate == pytest.approx(expected, rel=1e-6)


def test_energy_of_a_gaussian_is_exact_on_matched_samples(generator: Generator) -> None:
    transform = Affine(3)
    theta = random_theta(transform, generator)
    u, b = transform.split(theta)
    z = Gaussian(3).draw(50, generator, sampling="matched")
    cloud = PushForward(Gaussian(3), transform).cloud(theta, z)
    entropy = -MultivariateNormal(b, u @ u.T).entropy()
    potential = 0.5 * (torch.trace(u @ u.T) + (b - 1).square().sum())
    # round-off in sums of fifty terms
    assert float(Entropy().value(cloud)) == pytest.approx(float(entropy), rel=1e-12)
    assert float(ENERGIES["quadratic"].value(cloud)) == pytest.approx(float(potential), rel=1e-12)


def test_sums_and_multiples_are_linear(generator: Generator) -> None:
    cloud = Cloud(normal(generator, 8, 2), normal(generator, 8), normal(generator, 8, 2))
    f, g = ENERGIES["quartic"], ENERGIES["entropy"]
    both = 2.0 * f + g * 0.5 + f
    value = 3 * f.value(cloud) + 0.5 * g.value(cloud)
    velocity = 3 * f.velocity(cloud) + 0.5 * g.velocity(cloud)
    assert float(both.value(cloud)) == pytest.approx(float(value), rel=1e-14)  # round-off
    assert relative_gap(both.velocity(cloud), velocity) < 1e-14


def test_quadratic_potential_and_its_gradient(generator: Generator) -> None:
    factor = normal(generator, 3, 3)
    mean, precision = normal(generator, 3), factor @ factor.T
    quadratic = Potential.quadratic(mean, precision)
    cloud = Cloud(normal(generator, 10, 3))
    gap = cloud.x - mean
    expected = 0.5 * torch.einsum("ni,ij,nj->n", gap, precision, gap).mean()
    assert float(quadratic.value(cloud)) == pytest.approx(float(expected), rel=1e-13)
    by_autograd = Potential(quadratic.V).velocity(cloud)
    assert relative_gap(quadratic.velocity(cloud), by_autograd) < 1e-13  # round-off


def test_the_given_gradient_is_used() -> None:
    energy = Potential(lambda x: x.sum(1), gradient=lambda x: 7 * torch.ones_like(x))
    assert torch.equal(energy.velocity(Cloud(torch.zeros(2, 2))), -7 * torch.ones(2, 2))


def test_a_potential_of_the_wrong_shape_is_named() -> None:
    energy = Potential(lambda x: 0.5 * x**2)
    with pytest.raises(ValueError, match=r"V\(x\) must have shape \(4\), got \(4, 1\)"):
        energy.value(Cloud(torch.zeros(4, 1)))
    with pytest.raises(ValueError, match=r"precision must have shape \(2, 2\), got \(3, 3\)"):
        Potential.quadratic(torch.zeros(2), torch.eye(3))


def test_the_entropy_of_the_reference_itself(generator: Generator) -> None:
    gaussian = Gaussian(4)
    z = gaussian.draw(100, generator, sampling="matched")
    value = Entropy().value(Cloud(z, gaussian.log_prob(z)))
    assert float(value) == pytest.approx(-2 * math.log(2 * math.pi * math.e), rel=1e-13)
