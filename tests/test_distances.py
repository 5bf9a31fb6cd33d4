"""Distances and divergences of samples, against closed forms and slow twins."""

from __future__ import annotations

import builtins
import math

import ot
import pytest
import torch
from cases import normal
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from pwgf_core import (
    Affine,
    Gaussian,
    NumericalError,
    PushForward,
    discrete_w2,
    energy_distance,
    gaussian_w2,
    kl,
    sliced_w2,
    symmetric_kl,
    w2_1d,
)


def quantiles(n: int) -> Tensor:
    return torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n)


# W2 on the line


@pytest.mark.parametrize(("n", "k"), [(7, 7), (7, 11), (12, 8), (1, 5), (30, 10)])
def test_w2_on_the_line_is_that_of_linear_programming(n: int, k: int, generator: Generator) -> None:
    x, y = normal(generator, n), 1 + 2 * normal(generator, k)
    slow = math.sqrt(float(ot.emd2_1d(x.numpy(), y.numpy(), metric="sqeuclidean")))  # type: ignore[arg-type]
    assert w2_1d(x, y) == pytest.approx(slow, rel=1e-12)
    assert w2_1d(y, x) == pytest.approx(slow, rel=1e-12)


def test_w2_of_a_sample_repeated_is_zero(generator: Generator) -> None:
    x = normal(generator, 5)
    assert w2_1d(x, x.repeat(3)) == 0.0
    assert w2_1d(x.float(), x.float().flip(0)) == 0.0


def test_w2_to_a_quantile_function_of_a_gaussian() -> None:
    # N(1, 4) to N(0, 1): √(1² + (2 − 1)²).
    n = 10**5
    x = 1 + 2 * quantiles(n)
    found = w2_1d(x, torch.special.ndtri)
    assert found == pytest.approx(math.sqrt(2), rel=1e-4)  # the tails beyond 1/(2n)
    assert w2_1d(quantiles(n), torch.special.ndtri) == 0.0


def test_w2_on_the_line_names_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"x must have shape \(any\), got \(2, 2\)"):
        w2_1d(torch.zeros(2, 2), torch.zeros(2))
    with pytest.raises(ValueError, match="y must hold at least one point, got none"):
        w2_1d(torch.zeros(2), torch.zeros(0))
    with pytest.raises(ValueError, match=r"y\(u\) must have shape \(2\), got \(1,\)"):
        w2_1d(torch.zeros(2), lambda u: u[:1])


# Sliced and discrete W2


def test_sliced_w2_of_a_shift_and_a_scaling(generator: Generator) -> None:
    # A shift a gives |a|/√d, a scaling by c about (c − 1)(E|x|²/d)^½.
    x = Gaussian(3).draw(4096, generator, sampling="matched")
    shift = torch.tensor([1.0, 2.0, -2.0]).double()
    found = sliced_w2(x, x + shift, generator, 4000)
    assert found == pytest.approx(3 / math.sqrt(3), rel=0.03)  # 1/√4000, times 2
    assert sliced_w2(x, 1.5 * x, generator) == pytest.approx(0.5, rel=1e-2)
    assert sliced_w2(x, x.flip(0), generator) == 0.0
    assert sliced_w2(x, x[:100] + shift, generator, 50) > 1.0


def test_sliced_w2_is_below_w2(generator: Generator) -> None:
    x, y = normal(generator, 60, 3), 1 + normal(generator, 60, 3)
    assert sliced_w2(x, y, generator, 300) <= 1.05 * discrete_w2(x, y).value / math.sqrt(3)


def test_one_direction_on_the_line(generator: Generator) -> None:
    x, y = normal(generator, 50, 1), 1 + normal(generator, 40, 1)
    expected = w2_1d(x[:, 0], y[:, 0])
    assert sliced_w2(x, y, generator, 3) == pytest.approx(expected, rel=1e-6)  # w in float32
    assert discrete_w2(x, y).value == pytest.approx(expected, rel=1e-10)


def test_discrete_w2_and_its_floor(generator: Generator) -> None:
    zero, eye = torch.zeros(2), torch.eye(2)
    x, y, second = (normal(generator, 800, 2) for _ in range(3))
    found = discrete_w2(1.5 * x, y, second)
    exact = gaussian_w2(zero, 2.25 * eye, zero, eye)
    # The floor of 800 points in the plane is about 0.13, in squares 0.02 of 0.5.
    assert 0.05 < found.floor < 0.25
    assert exact - 0.05 < found.value < math.hypot(exact, found.floor) + 0.05
    same = discrete_w2(x, y, second)
    assert same.value == pytest.approx(same.floor, abs=0.05)  # nothing to tell apart
    assert math.isnan(discrete_w2(x, y).floor)


def test_discrete_w2_of_a_permuted_shift(generator: Generator) -> None:
    x = normal(generator, 50, 3)
    y = x[torch.randperm(50, generator=generator)] + 2
    assert discrete_w2(x, y).value == pytest.approx(2 * math.sqrt(3), rel=1e-12)


def test_discrete_w2_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    found = builtins.__import__

    def refuse(name: str, *args: object, **kwargs: object) -> object:
        if name == "ot":
            raise ImportError(name)
        return found(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match="needs the package POT: pip install POT"):
        discrete_w2(torch.zeros(2, 1), torch.zeros(2, 1))


def test_samples_must_fit() -> None:
    x = torch.zeros(4, 2)
    with pytest.raises(ValueError, match=r"y must have shape \(any, 2\), got \(4, 3\)"):
        discrete_w2(x, torch.zeros(4, 3))
    with pytest.raises(ValueError, match=r"second must have shape \(4, 2\), got \(3, 2\)"):
        discrete_w2(x, x, x[:3])
    with pytest.raises(ValueError, match="x must hold at least 2 points, got 1"):
        energy_distance(x[:1], x)
    with pytest.raises(ValueError, match="directions must be an integer of at least 1, got 0"):
        sliced_w2(x, x, Generator(), 0)


# Energy distance


def test_energy_distance_against_a_double_loop(generator: Generator) -> None:
    x, y = normal(generator, 6, 2), 1 + normal(generator, 5, 2)

    def mean(a: Tensor, b: Tensor, distinct: bool) -> float:
        gaps = [
            float((p - q).norm()) for i, p in enumerate(a) for j, q in enumerate(b)
            if not (distinct and i == j)
        ]  # fmt: skip
        return sum(gaps) / len(gaps)

    expected = 2 * mean(x, y, False) - mean(x, x, True) - mean(y, y, True)
    assert energy_distance(x, y) == pytest.approx(expected, rel=1e-12)
    assert energy_distance(x, y, block=3) == pytest.approx(expected, rel=1e-12)


def test_energy_distance_between_point_sets(generator: Generator) -> None:
    # over all pairs it is a squared distance of measures: 0 on itself, else positive
    x, y = normal(generator, 30, 2), normal(generator, 30, 2)
    assert energy_distance(x, x, distinct=False) == pytest.approx(0, abs=1e-12)
    assert energy_distance(x, y, distinct=False) > 0
    # the pairs of a point with itself are 1/n of all
    gap = energy_distance(x, y, distinct=False) - energy_distance(x, y)
    within = sum(float(torch.cdist(a, a).sum()) / (30 * 29 * 30) for a in (x, y))
    assert gap == pytest.approx(within, rel=1e-10)


def test_energy_distance_of_gaussians_on_the_line(generator: Generator) -> None:
    # E|N(m, s²)| = s √(2/π) e^{−m²/2s²} + m erf(m/s√2), with s² = 2 for a difference.
    n, m = 4000, 1.5
    x, y = quantiles(n)[:, None], m + quantiles(n)[:, None]
    across = 2 / math.sqrt(math.pi) * math.exp(-(m**2) / 4) + m * math.erf(m / 2)
    expected = 2 * across - 4 / math.sqrt(math.pi)
    assert energy_distance(x, y) == pytest.approx(expected, abs=2e-3)  # 1/n of distinct pairs
    far = [energy_distance(normal(generator, 2000, 2), normal(generator, 2000, 2)) for _ in "12"]
    assert all(abs(value) < 5e-3 for value in far)  # of one law: noise of order 1/n


# Kullback–Leibler


def laws(generator: Generator) -> tuple[MultivariateNormal, MultivariateNormal]:
    factor = normal(generator, 2, 2)
    c = factor @ factor.T + 0.5 * torch.eye(2)
    return (
        MultivariateNormal(normal(generator, 2), c),
        MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double()),
    )


def matched(law: MultivariateNormal, generator: Generator) -> Tensor:
    z = Gaussian(2).draw(64, generator, sampling="matched")
    return law.mean + z @ law.scale_tril.T


def test_kl_of_gaussians_is_exact_on_matched_samples(generator: Generator) -> None:
    p, q = laws(generator)
    x, y = matched(p, generator), matched(q, generator)
    forward, backward = float(kl_divergence(p, q)), float(kl_divergence(q, p))
    # The logarithms are quadratic, and matching makes their averages exact.
    assert kl(x, p.log_prob, q.log_prob) == pytest.approx(forward, rel=1e-11)
    assert kl(x, p.log_prob(x), q.log_prob) == pytest.approx(forward, rel=1e-11)
    both = symmetric_kl(x, p.log_prob, y, q.log_prob)
    assert both == pytest.approx(forward + backward, rel=1e-11)
    assert kl(x, p.log_prob, p.log_prob) == 0.0


def test_symmetric_kl_of_a_model_through_its_inverse(generator: Generator) -> None:
    p, q = laws(generator)
    transform, reference = Affine(2), Gaussian(2)
    theta = transform.join(p.scale_tril, p.mean)
    model = PushForward(reference, transform)

    def invert(x: Tensor) -> Tensor:
        return torch.linalg.solve(p.scale_tril, (x - p.mean).T).T

    def log_prob(x: Tensor) -> Tensor:
        return model.cloud(theta, invert(x)).log_rho

    x, y = matched(p, generator), matched(q, generator)
    expected = float(kl_divergence(p, q) + kl_divergence(q, p))

    def round_trip(x: Tensor) -> Tensor:
        return transform(theta, invert(x))

    found = symmetric_kl(x, log_prob, y, q.log_prob, round_trip, tol=1e-12)
    assert found == pytest.approx(expected, rel=1e-11)
    with pytest.raises(NumericalError, match="the inverse of the map misses y by"):
        symmetric_kl(x, log_prob, y, q.log_prob, lambda a: a + (a is y) * 1e-5)
    with pytest.raises(NumericalError, match="misses x by nan"):
        symmetric_kl(x, log_prob, y, q.log_prob, lambda a: a * math.nan)


def test_kl_that_is_not_finite_is_reported() -> None:
    x = torch.tensor([[0.5], [2.0]])

    def flat(x: Tensor) -> Tensor:
        return torch.zeros(len(x))

    with pytest.raises(NumericalError, match="check that both laws have the same support"):
        kl(x, flat, lambda x: torch.log((x[:, 0] < 1).float()))
    with pytest.raises(ValueError, match=r"log_q\(x\) must have shape \(2\), got \(2, 1\)"):
        kl(x, flat, lambda x: x)
    with pytest.raises(ValueError, match=r"log_p\(x\) must have shape \(2\), got \(1,\)"):
        kl(x, torch.zeros(1), flat)
