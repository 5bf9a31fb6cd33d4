"""Uniform, Barenblatt and any torch distribution: moments, density, support, quantiles."""

from __future__ import annotations

import math

import pytest
import torch
from cases import normal, relative_gap
from scipy.special import betainc, gammainc
from torch import Generator, Tensor
from torch.distributions import (
    Categorical,
    Distribution,
    Exponential,
    Gamma,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
)

from pwgf_core import (
    Affine,
    Barenblatt,
    Entropy,
    Explicit,
    FromDistribution,
    Gaussian,
    NumericalError,
    Potential,
    Problem,
    PushForward,
    Reference,
    Uniform,
    evaluate,
    evolve,
    moments,
)


def vector(*numbers: float) -> Tensor:
    return torch.tensor(numbers).double()


MATRIX = torch.tensor([[2.0, 0.5], [0.5, 1.0]]).double()
MIXTURE = MixtureSameFamily(
    Categorical(vector(0.3, 0.7)),
    Independent(Normal(vector(-1, 0, 2, 1).reshape(2, 2), vector(1, 1, 2, 1).reshape(2, 2)), 1),
)
BOUNDED: list[Uniform | Barenblatt] = [
    Uniform(vector(-1), vector(3)),
    Uniform(vector(-1, 0, 2), vector(1, 5, 2.5)),
    Barenblatt(1, m=2.0, t=0.3),
    Barenblatt(2, m=3.0),
    Barenblatt(2, m=2.0, t=0.1),
    Barenblatt(5, m=1.4, t=2.0),
]
LAWS: list[tuple[Distribution, tuple[str, ...]]] = [
    (Normal(vector(1)[0], vector(2)[0]), ("random", "sobol", "matched")),
    (Independent(Laplace(vector(0, 1), vector(1, 2)), 1), ("random", "sobol", "matched")),
    (MultivariateNormal(vector(1, -1), MATRIX), ("random", "sobol", "matched")),
    (Independent(Exponential(vector(1, 2, 3)), 1), ("random", "sobol")),
    (Gamma(vector(2)[0], vector(3)[0]), ("random",)),
    (MIXTURE, ("random",)),
]
REFERENCES: list[Reference] = [*BOUNDED, *(FromDistribution(law) for law, _ in LAWS)]
each = pytest.mark.parametrize("reference", REFERENCES, ids=repr)
bounded = pytest.mark.parametrize("reference", BOUNDED, ids=repr)


def exact_moments(reference: Reference) -> tuple[Tensor, Tensor]:
    """Mean and variances."""
    if isinstance(reference, FromDistribution):
        law = reference.distribution
        return law.mean.reshape(-1), law.variance.reshape(-1)
    if isinstance(reference, Uniform):
        return (reference.low + reference.high) / 2, (reference.high - reference.low) ** 2 / 12
    assert isinstance(reference, Barenblatt)
    return torch.zeros(reference.dim), torch.full(
        (reference.dim,), reference.variance, dtype=torch.float64
    )


@pytest.mark.parametrize("profile", [p for p in BOUNDED if isinstance(p, Barenblatt)], ids=repr)
def test_the_map_from_normal_points_keeps_direction_and_mass(
    profile: Barenblatt, generator: Generator
) -> None:
    # A radial map that carries the law of |g| to that of |x| is the gradient of a convex function.
    g = torch.randn(1000, profile.dim, generator=generator, dtype=torch.float64)
    x = profile.from_normal(g)
    r, s = g.norm(dim=1), x.norm(dim=1) / profile.radius
    assert float((x / x.norm(dim=1)[:, None] - g / r[:, None]).abs().max()) < 1e-14
    inside = gammainc(profile.dim / 2, r.square().numpy() / 2)
    expected = betainc(profile.dim / 2, profile.power + 1, s.square().numpy())
    assert abs(inside - expected).max() < 1e-12  # inverses to round-off


@each
def test_moments_of_every_kind_of_sample(reference: Reference, generator: Generator) -> None:
    n = 2**14
    mean, variance = exact_moments(reference)
    for sampling in reference.samplings:
        z = reference.draw(n, generator, sampling=sampling)
        assert z.shape == (n, reference.dim)
        assert bool(torch.isfinite(reference.log_prob(z)).all())  # inside the support
        error = ((z.mean(0) - mean) / variance.sqrt()).abs().max()
        assert float(error) < 5 / math.sqrt(n)  # five standard deviations
        # the kurtosis of these laws is at most 9 (exponential): √8 / √n for a variance
        assert float((z.var(0) / variance - 1).abs().max()) < 5 * math.sqrt(8 / n)


@bounded
@pytest.mark.parametrize("n", [20, 700])
def test_matched_moments_are_exact_inside_the_support(
    reference: Uniform | Barenblatt, n: int, generator: Generator
) -> None:
    z = reference.draw(n, generator, sampling="matched")
    mean, variance = exact_moments(reference)
    found_mean, found_covariance = moments(z)
    scale = float(variance.max().sqrt())
    assert float((found_mean - mean).abs().max()) < 1e-13 * scale  # the moves end at round-off
    assert relative_gap(found_covariance, torch.diag(variance.double())) < 1e-12
    assert bool(torch.isfinite(reference.log_prob(z)).all())
    # a small change: of the size of the sampling error of Sobol points, not a new sample
    sobol = reference.draw(n, Generator().manual_seed(1), sampling="sobol")
    assert relative_gap(reference.matched(sobol), sobol) < 3 / math.sqrt(n)


@bounded
def test_what_cannot_be_matched_is_an_error(
    reference: Uniform | Barenblatt, generator: Generator
) -> None:
    mean, variance = exact_moments(reference)
    with pytest.raises(ValueError, match="must lie in the support"):
        reference.matched(reference.sample(50, generator) + 10 * variance.sqrt())
    with pytest.raises(ValueError, match="matched samples need more than"):
        reference.matched(reference.sample(reference.dim, generator))
    with pytest.raises(NumericalError, match="covariance of the sample is singular"):
        reference.matched(mean.expand(50, reference.dim))
    # All the variance of a coordinate in one of 60 points: it would lie 7 standard deviations out.
    atoms = torch.cat([torch.zeros(60, reference.dim), 0.1 * torch.eye(reference.dim)]).double()
    with pytest.raises(NumericalError, match="cannot be matched inside the support"):
        reference.matched(mean + variance.sqrt() * atoms)


@each
def test_score_is_the_gradient_of_log_prob(reference: Reference, generator: Generator) -> None:
    z = 0.9 * reference.sample(40, generator) + 0.1 * exact_moments(reference)[0]
    expected = torch.func.grad(lambda p: reference.log_prob(p).sum())(z)
    # Laplace has a kink at the mean, which no sample hits; the rest is round-off
    assert relative_gap(reference.score(z), expected) < 1e-12


@bounded
def test_outside_the_support(reference: Uniform | Barenblatt, generator: Generator) -> None:
    far = reference.sample(3, generator) + 100
    assert bool((reference.log_prob(far) == -math.inf).all())
    assert bool(reference.score(far).isnan().all())


def test_a_law_outside_its_support() -> None:
    law = FromDistribution(Independent(Exponential(vector(1, 2)), 1))
    z = torch.tensor([[1.0, 1.0], [1.0, -1.0]]).double()
    assert law.log_prob(z).tolist() == [math.log(2) - 3, -math.inf]
    assert law.score(z)[0].tolist() == [-1.0, -2.0]
    assert bool(law.score(z)[1].isnan().all())


@pytest.mark.parametrize("m", [1.3, 2.0, 4.0])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_barenblatt_has_mass_one_and_solves_the_porous_medium_equation(dim: int, m: float) -> None:
    t = 0.7
    profile = Barenblatt(dim, m, t)
    # mass in polar coordinates: r = R (1 − s⁴) resolves the edge, where u ~ (R − r)^{1/(m−1)}
    s = torch.linspace(0, 1, 20001).double()
    r = profile.radius * (1 - s**4)
    z = torch.zeros(len(r), dim).double()
    z[:, 0] = r
    sphere = 2 * math.pi ** (dim / 2) / math.gamma(dim / 2)
    weight = sphere * r ** (dim - 1) * profile.radius * 4 * s**3
    mass = torch.trapezoid(weight * profile.log_prob(z).exp(), s)
    assert abs(float(mass) - 1) < 1e-6  # second order in a spacing of 5e-5

    x = torch.zeros(9, dim).double()
    x[:, 0] = profile.radius * torch.linspace(0.1, 0.9, 9).double()
    step = 1e-4  # central differences: truncation ~ step², rounding ~ 1e-16 / step²

    def u(dt: float, shift: Tensor) -> Tensor:
        return Barenblatt(dim, m, t + dt).log_prob(x + shift).exp()

    by_t = (u(step, 0 * x[0]) - u(-step, 0 * x[0])) / (2 * step)
    laplacian = sum(
        u(0, step * e) ** m - 2 * u(0, 0 * e) ** m + u(0, -step * e) ** m
        for e in torch.eye(dim).double()
    )
    assert relative_gap(torch.as_tensor(laplacian) / step**2, by_t) < 1e-5


@pytest.mark.parametrize("dim", [1, 3])
def test_barenblatt_profiles_are_images_of_each_other(dim: int, generator: Generator) -> None:
    first, second = Barenblatt(dim, 2.5, 0.4), Barenblatt(dim, 2.5, 3.0)
    factor = (3.0 / 0.4) ** first.beta
    z = first.sample(30, generator)
    pushed = first.log_prob(z) - dim * math.log(factor)
    assert relative_gap(second.log_prob(factor * z), pushed) < 1e-12  # round-off


@pytest.mark.parametrize("dim", [1, 2, 6])
def test_barenblatt_radius_has_its_distribution(dim: int, generator: Generator) -> None:
    # In the plane with p = 1/(m−1): P(|x| ≤ r) = 1 − (1 − r²/R²)^{p+1}; else by the density.
    profile = Barenblatt(dim, 1.5)
    z = profile.sobol(2**12, generator)
    r = (z.norm(dim=1) / profile.radius).sort().values
    grid = torch.linspace(0, 1, 20001).double()
    density = grid ** (dim - 1) * (1 - grid**2) ** 2
    cumulative = torch.cumulative_trapezoid(density, grid)
    cumulative = torch.cat([torch.zeros(1), cumulative / cumulative[-1]])
    index = (r * 20000).round().long()
    empirical = (torch.arange(len(r)) + 0.5) / len(r)
    assert float((cumulative[index] - empirical).abs().max()) < 0.02  # discrepancy of the points
    direction = z / z.norm(dim=1, keepdim=True)
    second_moment = direction.T @ direction / len(z)
    assert relative_gap(second_moment, torch.eye(dim).double() / dim) < 0.02


def test_barenblatt_points_near_the_centre_keep_their_digits() -> None:
    profile = Barenblatt(1, 2.0)
    g = torch.tensor([1e-12, 1e-6, 1e-3]).double()[:, None]
    z = profile.from_uniform(torch.special.ndtr(g))
    # near 0 the map is linear, with slope the ratio of the densities at the centre
    slope = math.exp(float(Gaussian(1).log_prob(0 * g[:1]) - profile.log_prob(0 * g[:1])))
    assert (
        relative_gap(z / g, torch.full_like(z, slope)) < 1e-3
    )  # ndtr near ½ has 4 digits at 1e-12


@pytest.mark.parametrize(("law", "samplings"), LAWS, ids=[repr(law) for law, _ in LAWS])
def test_a_law_draws_what_it_can(
    law: Distribution, samplings: tuple[str, ...], generator: Generator
) -> None:
    reference = FromDistribution(law)
    assert reference.samplings == samplings
    before = torch.random.get_rng_state()
    first = reference.sample(5, Generator().manual_seed(1))
    again = reference.sample(5, Generator().manual_seed(1))
    other = reference.sample(5, Generator().manual_seed(2))
    assert torch.equal(before, torch.random.get_rng_state())  # the global generator is untouched
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    for sampling in {"sobol", "matched"} - set(samplings):
        with pytest.raises(ValueError, match="sampling must be one of"):
            reference.draw(8, generator, sampling=sampling)
    if "matched" in samplings:
        z = reference.draw(50, generator, sampling="matched")
        assert relative_gap(moments(z)[0], law.mean.reshape(-1)) < 1e-13  # round-off
        assert relative_gap(moments(z)[1].diag(), law.variance.reshape(-1)) < 1e-13
    else:
        with pytest.raises(ValueError, match="cannot be matched"):
            reference.matched(normal(generator, 9, reference.dim))
    if samplings == ("random",):
        with pytest.raises(ValueError, match="no quantile function"):
            reference.from_uniform(torch.full((1, reference.dim), 0.5).double())


def test_heavy_tails_have_no_moments_to_match() -> None:
    heavy = Independent(StudentT(vector(1.5, 1.5)), 1)  # infinite variance
    assert FromDistribution(heavy).samplings == ("random",)


def test_a_law_in_single_precision(generator: Generator) -> None:
    law = FromDistribution(Independent(Normal(torch.zeros(2), torch.ones(2)), 1))
    z = law.sobol(2**12, generator)
    assert z.dtype is torch.float64
    assert bool(torch.isfinite(z).all())
    # the precision of the law's own parameters
    assert relative_gap(law.log_prob(z), Gaussian(2).log_prob(z)) < 1e-6
    assert relative_gap(law.score(z), -z) < 1e-6


@pytest.mark.parametrize("reference", [BOUNDED[1], REFERENCES[-1]], ids=repr)
def test_a_run_and_its_evaluation(reference: Reference) -> None:
    transform = Affine(reference.dim, "translation")
    energy = Potential(lambda x: 0.5 * ((x - 4) ** 2).sum(1)) + Entropy()
    problem = Problem(
        PushForward(reference, transform),
        energy,
        transform.init(Generator()),
        samples=500,
        sampling=reference.samplings[-1],
    )
    run = evolve(
        problem, Explicit(0.1, "rk4", form="gradient"), t_end=1.0, record=2, progress=False
    )
    values = evaluate(problem, run, n=2048).energy
    assert run.status == "completed"
    assert values[0] > values[1] > values[2]


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"low must be below high, got \[0\.0, 1\.0\] and"):
        Uniform(vector(0, 1), vector(1, 1))
    with pytest.raises(ValueError, match=r"high must have shape \(2\), got \(1,\)"):
        Uniform(vector(0, 1), vector(1))
    with pytest.raises(ValueError, match=r"m must be a finite number above 1, got 1\.0"):
        Barenblatt(2, 1.0)
    with pytest.raises(ValueError, match="t must be a finite number above 0, got 0"):
        Barenblatt(2, 2.0, 0)
    with pytest.raises(ValueError, match=r"no batch, got event \(\) and batch \(2,\)"):
        FromDistribution(Normal(vector(0, 1), vector(1, 1)))
    for reference in BOUNDED[1:3]:
        with pytest.raises(ValueError, match=r"z must have shape \(any, "):
            reference.log_prob(torch.zeros(5, 7))
