"""The residual along a run bounds its error, that of the time steps included."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor

from pwgf_core import (
    Affine,
    Entropy,
    Explicit,
    Gaussian,
    Potential,
    Problem,
    PushForward,
    TwoLayerReLU,
    convergence_order,
    evolve,
    gaussian_w2,
    growth_bound_along,
    moments,
    problem,
    residual_along,
)

ONE = torch.tensor([[1.0], [-1.0]]).double()  # mean 0, variance 1: exact for affine fields


def heat_on_the_line() -> Problem:
    return Problem(
        PushForward(Gaussian(1), Affine(1)), Entropy(), Affine(1).init(Generator()), samples=64
    )


def test_the_residual_of_a_polygon_of_gaussians() -> None:
    # x = sz + b moves with s′z + b′, and v = z/s: E|·|² = (s′ − 1/s)² + b′².
    times, s, b = [0.0, 0.5, 0.75], [1.0, 1.5, 1.25], [0.0, 0.25, 0.0]
    thetas = [torch.tensor(pair).double() for pair in zip(s, b, strict=True)]
    slopes = [(1.0, 0.5), (-1.0, -1.0)]
    sides = [[(u - 1 / s[j]) ** 2 + c * c for j in (k, k + 1)] for k, (u, c) in enumerate(slopes)]
    expected = [sides[0][0], max(sides[0][1], sides[1][0]), sides[1][1]]
    found = residual_along(heat_on_the_line(), times, thetas, ONE)
    assert found == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("method", ["euler", "midpoint"])
def test_the_bound_sees_the_time_step_and_the_reported_misfit_does_not(method: str) -> None:
    start = replace(problem("ornstein_uhlenbeck_10d", transform="affine"), sampling="matched")
    z = Gaussian(10).draw(200, Generator().manual_seed(1), sampling="matched")
    rate = float(start.exact.rates[0])  # pyright: ignore
    hs, bounds = [0.1, 0.05, 0.025], []
    for h in hs:
        steps = round(0.5 / h)
        scheme = Explicit(h, method)
        run = evolve(start, scheme, t_end=0.5, samples=200, record=steps, progress=False)
        mean, covariance = moments(start.model.transform(run.thetas[-1], z))
        law = start.exact
        w2 = gaussian_w2(mean, covariance, law.mean(0.5), law.covariance(0.5))  # pyright: ignore
        delta = residual_along(start, run.times, run.thetas, z)
        bounds.append(growth_bound_along(run.times, rate, delta)[-1])
        reported = [*run.history["misfit"], 0.0]
        assert growth_bound_along(run.times, rate, reported)[-1] < 1e-6 < w2 < bounds[-1]
    # Straight lines in time: the residual at the ends of a step is of first order for any method;
    # steps of 0.1 are not small beside the rate 8 of the stiffest entry.
    assert convergence_order(hs, bounds) == pytest.approx(1, abs=0.3)


def drift(x: Tensor) -> Tensor:
    return (0.5 * x * x).sum(1)


def test_maps_with_kinks_have_a_residual_only_without_log_rho() -> None:
    transform = TwoLayerReLU(4, shared=True)
    theta = transform.init(Generator())
    theta[0] += 0.5  # a kink
    free = Problem(PushForward(Gaussian(1), transform), Potential(drift), theta)
    z = torch.linspace(-3, 3, 50).double()[:, None]
    standing = residual_along(free, [0.0, 1.0], [theta, theta], z)
    x = transform(theta, z)
    assert standing == pytest.approx([float(x.square().mean())] * 2, rel=1e-12)
    diffusing = replace(free, energy=Potential(drift) + Entropy())
    with pytest.raises(ValueError, match=r"the density of TwoLayerReLU.*jumps"):
        residual_along(diffusing, [0.0, 1.0], [theta, theta], z)


def test_what_is_wrong_is_named() -> None:
    start = heat_on_the_line()
    with pytest.raises(ValueError, match="one length above 1, got 1 and 1"):
        residual_along(start, [0.0], [start.theta0], ONE)
    with pytest.raises(ValueError, match="difference of successive times must be a finite number"):
        residual_along(start, [0.0, 0.0], [start.theta0] * 2, ONE)
    assert residual_along(start, [0.0, 1.0], [start.theta0] * 2, ONE) == [1.0, 1.0]
    assert math.isclose(growth_bound_along([0.0, 1.0], 0.0, [1.0, 1.0])[-1], 1.0)
