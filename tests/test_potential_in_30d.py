"""The trained potential in thirty dimensions, on the field of one step of the planar flow."""

from __future__ import annotations

from functools import lru_cache

import pytest
import torch
from torch import Generator, Tensor, nn

from pwgf_core import BiLevelNetwork, Explicit, PotentialNetwork, evolve, problem

ITERATIONS, TRAIN, TEST = 300, 1000, 4000  # 1000 samples are the problem's own number
DEFAULTS = BiLevelNetwork(h=0.05)


@lru_cache
def field_of_a_step(seed: int, t: float) -> tuple[Tensor, Tensor]:
    """x = T_θ(z) at time t and u = T_θ⁺(z) − x, one step later, on a sample of its own."""
    flow = problem("styblinski_tang_30d", transform="planar", layers=60, seed=seed)
    scheme = Explicit(flow.h, flow.method)
    run = evolve(flow, scheme, t_end=t, record=1, seed=seed, progress=False)
    assert run.status == "completed"
    draw = flow.model.reference.draw
    z = draw(flow.samples, Generator().manual_seed(seed), torch.float32, sampling="matched")
    after, _ = scheme.step(flow, run.state, z)
    fresh = flow.model.reference.sample(
        TRAIN + TEST, Generator().manual_seed(100 + seed), torch.float32
    )
    x = flow.model.cloud(run.state.theta, fresh).x
    return x, flow.model.cloud(after.theta, fresh).x - x


def trained(seed: int, t: float, activation: str, rate: float) -> float:
    """E|∇ψ − u|²/E|u|² on the points that ψ was not trained on."""
    x, u = field_of_a_step(seed, t)
    points = x[:TRAIN] if activation == "tanh" else None  # as in the scheme
    network = PotentialNetwork(30, DEFAULTS.width, activation, points)
    theta = network.init(Generator().manual_seed(seed), x.dtype).requires_grad_()
    adam = torch.optim.Adam([theta], lr=rate)
    network.fit(theta, x[:TRAIN], u[:TRAIN], adam, ITERATIONS)
    size = u[:TRAIN].square().sum(1).mean().sqrt()
    return residual(size * network.gradient(theta, x[TRAIN:]), u[TRAIN:])


def residual(field: Tensor, u: Tensor) -> float:
    return float(((field - u).square().sum() / u.square().sum()).detach())


def test_quadratic_and_one_tanh_layer_fit_the_step() -> None:
    # seeds 0, 1, 2 gave 0.008, 0.009, 0.010
    assert trained(0, 0.1, "tanh", DEFAULTS.inner_rate) <= 0.045


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("t", [0.3, 1.0])
def test_quadratic_and_one_tanh_layer_fit_later_steps(seed: int, t: float) -> None:
    # seen: at most 0.010 at t = 0.3, 0.031 at t = 1 (without the whitened coordinates 0.072)
    assert trained(seed, t, "tanh", DEFAULTS.inner_rate) <= 0.045


@pytest.mark.parametrize("rate", [5e-4, 5e-3])
def test_one_relu_layer_fails(rate: float) -> None:
    # its ∇ψ is piecewise constant: 0.37 and 0.26 after as many iterations
    assert trained(0, 0.1, "relu", rate) > 0.15


@pytest.mark.parametrize("rate", [5e-4, 5e-3])
def test_published_network_fails(rate: float) -> None:
    """Two hidden layers of ReLU, all parameters uniform on ±0.1."""
    x, u = field_of_a_step(0, 0.1)
    network = nn.Sequential(
        nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
    )
    generator = Generator().manual_seed(0)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -0.1, 0.1, generator)

    def gradient(x: Tensor) -> Tensor:
        x = x.clone().requires_grad_()
        return torch.autograd.grad(network(x).sum(), x, create_graph=True)[0]

    size = u[:TRAIN].square().sum(1).mean().sqrt()
    start = residual(size * gradient(x[TRAIN:]), u[TRAIN:])
    adam = torch.optim.Adam(network.parameters(), lr=rate)
    for _ in range(ITERATIONS):
        adam.zero_grad()
        (gradient(x[:TRAIN]) - u[:TRAIN] / size).square().sum(1).mean().backward()
        adam.step()
    end = residual(size * gradient(x[TRAIN:]), u[TRAIN:])
    assert start > 0.9
    assert 0.15 < end < start  # seen 0.24 and 0.23: it trains, to five times the bound above
