"""Interaction by pairs, in blocks and by moments; the porous medium; Hessians of all."""

from __future__ import annotations

import math

import pytest
import torch
from cases import TRANSFORMS, normal, random_theta, relative_gap
from test_energies import free_energy, weak_form
from torch import Generator, Tensor

from pwgf_core import (
    Affine,
    Barenblatt,
    Cloud,
    Entropy,
    Gaussian,
    Interaction,
    PorousMedium,
    Potential,
    PushForward,
    QuarticInteraction,
    Transform,
)
from pwgf_core.schemes.forces import energy_gradient

QUARTIC = QuarticInteraction(1.3, -0.7)


def bump(y: Tensor) -> Tensor:
    return torch.exp(-(y * y).sum(1)) + 0.1 * (y * y).sum(1)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_moments_give_the_pair_sum(dim: int, generator: Generator) -> None:
    cloud = Cloud(2 + normal(generator, 60, dim))
    pairs = Interaction(QUARTIC.kernel, pairs="all")
    # round-off in 3600 pairs
    assert float(QUARTIC.value(cloud)) == pytest.approx(float(pairs.value(cloud)), rel=1e-13)
    assert relative_gap(QUARTIC.velocity(cloud), pairs.velocity(cloud)) < 1e-13
    assert relative_gap(QUARTIC.hessian(cloud), pairs.hessian(cloud)) < 1e-13


def test_moments_are_those_of_the_slides(generator: Generator) -> None:
    # v = −[c(x) x − (|x|² − 1) E[y] + 2 E[yyᵀ] x − E[|y|² y]], c = |x|² + E|y|² − 1 − 2 x·E[y].
    x = 1 + 0.4 * normal(generator, 50, 2)
    r2, mean = (x * x).sum(1), x.mean(0)
    c = r2 + r2.mean() - 1 - 2 * x @ mean
    field = c[:, None] * x - (r2 - 1)[:, None] * mean + 2 * x @ (x.T @ x) / 50
    expected = -(field - (r2[:, None] * x).mean(0))
    assert relative_gap(QuarticInteraction().velocity(Cloud(x)), expected) < 1e-13  # round-off


@pytest.mark.parametrize("pairs", ["distinct", "all"])
@pytest.mark.parametrize("block", [1, 100, 41 * 40])
def test_blocks_do_not_change_the_result(pairs: str, block: int, generator: Generator) -> None:
    x = normal(generator, 41, 3)
    whole, split = Interaction(bump, pairs=pairs), Interaction(bump, pairs=pairs, block=block)
    results = []
    for energy in (whole, split):
        points = x.clone().requires_grad_()
        value = energy.value(Cloud(points))
        gradient = torch.autograd.grad(value, points)[0]
        results.append((value.detach()[None], gradient, energy.velocity(Cloud(x))))
    for a, b in zip(*results, strict=True):
        assert relative_gap(b, a) < 1e-14  # sums in another order
    # The velocity is the gradient of the value on the same sample, −n ∂F/∂x_i.
    assert relative_gap(-41 * results[0][1], results[0][2]) < 1e-13


@pytest.mark.parametrize("pairs", ["distinct", "all"])
def test_pairs_against_a_double_loop(pairs: str, generator: Generator) -> None:
    x = normal(generator, 7, 2)
    energy = Interaction(bump, pairs=pairs)
    total, field, count = 0.0, torch.zeros(7, 2).double(), 0
    for i in range(7):
        for j in range(7):
            if pairs == "all" or i != j:
                y = (x[i] - x[j])[None]
                total += float(bump(y))
                field[i] += (-2 * y * torch.exp(-(y * y).sum()) + 0.2 * y)[0]
                count += 1
    assert float(energy.value(Cloud(x))) == pytest.approx(0.5 * total / count, rel=1e-13)
    assert relative_gap(energy.velocity(Cloud(x)), -field / (count / 7)) < 1e-13  # round-off


def test_a_singular_kernel_skips_the_point_itself(generator: Generator) -> None:
    energy = Interaction(lambda y: -0.5 * torch.log((y * y).sum(1)), block=20)
    x = normal(generator, 9, 2).requires_grad_()
    value = energy.value(Cloud(x))
    gradient = torch.autograd.grad(value, x)[0]
    assert math.isfinite(float(value.detach()))
    assert relative_gap(-9 * gradient, energy.velocity(Cloud(x.detach()))) < 1e-13  # round-off


def test_blocks_bound_the_memory() -> None:
    # 3000² pairs of dimension 2 in double precision are 144 MB; W never sees more than a block.
    seen = []

    def w(y: Tensor) -> Tensor:
        seen.append(len(y))
        return (y * y).sum(1)

    x = torch.linspace(-1, 1, 3000, dtype=torch.float64)[:, None].requires_grad_()
    value = Interaction(w, block=2**17).value(Cloud(x))
    value.backward()
    assert max(seen) <= 2**17
    assert sum(seen) == 2 * 3000**2  # once forwards, once again backwards


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_weak_form_is_exact_on_the_sample_for_interactions(
    transform: Transform, generator: Generator
) -> None:
    theta = random_theta(transform, generator)
    z = normal(generator, 9, transform.dim)
    for energy in (Interaction(bump), QUARTIC):
        right, gradient = weak_form(energy, transform, theta, z)
        # round-off; both vanish for translations, under which an interaction does not change
        torch.testing.assert_close(right, gradient, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("m", [1.5, 2.0, 3.0])
def test_porous_medium_energy_of_a_gaussian(dim: int, m: float, generator: Generator) -> None:
    # ∫ρᵐ = (2π)^{d(1−m)/2} det C^{(1−m)/2} m^{−d/2} for ρ = N(b, C).
    transform = Affine(dim)
    theta = random_theta(transform, generator)
    z = Gaussian(dim).draw(2**14, generator, sampling="sobol")
    cloud = PushForward(Gaussian(dim), transform).cloud(theta, z)
    det = float(torch.linalg.det(transform.split(theta)[0]).abs())
    expected = ((2 * math.pi) ** (dim / 2) * det) ** (1 - m) * m ** (-dim / 2) / (m - 1)
    # quasi-Monte Carlo error of 2¹⁴ points
    assert float(PorousMedium(m).value(cloud)) == pytest.approx(expected, rel=1e-3)


# Where DT_θ jumps, autograd misses the motion of the jumps (test_kinks.py).
@pytest.mark.parametrize("transform", [t for t in TRANSFORMS if t.smooth], ids=repr)
def test_gradient_of_the_porous_medium_energy(transform: Transform, generator: Generator) -> None:
    energy = PorousMedium(2.5)
    theta = random_theta(transform, generator)
    z = normal(generator, 17, transform.dim)
    cloud, jacobian = PushForward(Gaussian(transform.dim), transform).linearize(theta, z)
    fast = energy_gradient(energy, cloud, jacobian)
    slow = torch.func.grad(lambda p: free_energy(energy, transform, p, z))(theta)
    assert relative_gap(fast, slow) < 1e-11  # round-off


def test_weak_form_of_the_porous_medium_holds_in_expectation(generator: Generator) -> None:
    transform = TRANSFORMS[-2]
    theta = random_theta(transform, generator)
    gaps = []
    for n in (2**8, 2**14):
        z = Gaussian(transform.dim).draw(n, generator, sampling="matched")
        gaps.append(relative_gap(*weak_form(PorousMedium(2.0), transform, theta, z)))
    # Quasi-Monte Carlo: the error falls about like 1/n, at least like n^−0.6 in between.
    assert gaps[1] < 2e-3
    assert gaps[1] < gaps[0] / 64**0.6


def test_hessian_of_a_potential_given_or_found(generator: Generator) -> None:
    x = normal(generator, 6, 3)
    factor = normal(generator, 3, 3)
    quadratic = Potential.quadratic(normal(generator, 3), factor @ factor.T)
    assert relative_gap(quadratic.hessian(Cloud(x)), Potential(quadratic.V).hessian(Cloud(x))) < (
        1e-13  # round-off
    )
    quartic = Potential(lambda x: (x**4).sum(1))
    both = 2.0 * quartic + Entropy() + quadratic
    expected = 24 * torch.diag_embed(x * x) + quadratic.hessian(Cloud(x))
    assert relative_gap(both.hessian(Cloud(x)), expected) < 1e-13
    wrong = Potential(quartic.V, hessian=lambda x: x)
    with pytest.raises(ValueError, match=r"hessian\(x\) must have shape \(6, 3, 3\)"):
        wrong.hessian(Cloud(x))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"m must be a finite number above 1, got 1\.0"):
        PorousMedium(1.0)
    with pytest.raises(ValueError, match="pairs must be one of all, distinct, got 'some'"):
        Interaction(bump, pairs="some")
    with pytest.raises(ValueError, match="block must be an integer of at least 1, got 0"):
        Interaction(bump, block=0)
    with pytest.raises(ValueError, match="at least 2 points, got 1"):
        Interaction(bump).value(Cloud(torch.zeros(1, 2)))
    with pytest.raises(ValueError, match=r"W\(y\) must have shape \(4\), got \(4, 2\)"):
        Interaction(lambda y: y, pairs="all").value(Cloud(torch.zeros(2, 2)))
    with pytest.raises(ValueError, match="a must be a finite number, got nan"):
        QuarticInteraction(math.nan, 1.0)


@pytest.mark.parametrize("m", [2.0, 3.0])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-13), (torch.float32, 1e-4)])
def test_velocity_at_the_free_boundary(
    m: float, dtype: torch.dtype, bound: float, generator: Generator
) -> None:
    # v = −m/(m−1) ∇ρ^{m−1}, where ρ → 0 and ∇log ρ → ∞. For x = Az and Barenblatt's profile ρ^{m−1}
    # is (ρ(0)/|A|)^{m−1} (1 − |z|²/R²), so that v is linear in z, up to the boundary.
    profile, transform = Barenblatt(2, m), Affine(2)
    a = torch.tensor([[1.5, 0.3], [-0.2, 0.8]], dtype=dtype)
    theta = transform.join(a, torch.zeros(2, dtype=dtype))
    angle = 6 * torch.rand(100, generator=generator, dtype=torch.float64)
    gap = 10 ** (-12 * torch.rand(100, generator=generator, dtype=torch.float64))
    r = profile.radius * (1 - gap).sqrt()
    z = torch.stack([r * angle.cos(), r * angle.sin()], 1).to(dtype)
    z = z[torch.isfinite(profile.score(z)).all(1)]  # single precision rounds some to the outside
    assert len(z) > 40
    peak = torch.exp((m - 1) * (profile.log_prob(z[:1] * 0) - torch.linalg.det(a).log()))
    exact = 2 * m / (m - 1) * peak / profile.radius**2 * torch.linalg.solve(a.T, z.T).T
    cloud, _ = PushForward(profile, transform).linearize(theta, z)
    gaps = (PorousMedium(m).velocity(cloud) - exact).norm(dim=1) / exact.norm(dim=1)
    assert float(gaps.max()) < bound  # round-off of log ρ, times m − 1
