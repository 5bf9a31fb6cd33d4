"""Modules as transforms: parameters in order, and zuko's normalizing flows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zuko
from cases import Shifted, normal, relative_gap
from torch import Generator, Tensor, nn

from pwgf_core import (
    Entropy,
    Explicit,
    FromModule,
    Gaussian,
    Potential,
    Problem,
    PushForward,
    Transform,
    evolve,
)


def forward(flow: Any, z: Tensor) -> tuple[Tensor, Tensor]:
    return flow().transform.call_and_ladj(z)


def backward(flow: Any, z: Tensor) -> tuple[Tensor, Tensor]:
    return flow().transform.inv.call_and_ladj(z)


def flow(name: str, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):  # zuko draws from the global generator
        torch.manual_seed(seed)
        return getattr(zuko.flows, name)(2, transforms=2, hidden_features=[8])


@pytest.mark.parametrize("direction", [forward, backward])
@pytest.mark.parametrize("name", ["MAF", "NICE", "NSF", "RealNVP"])
def test_zuko_flow(name: str, direction: Any, generator: Generator) -> None:
    transform = FromModule(flow(name), 2, direction)
    theta = transform.init(generator)
    z, dtheta = normal(generator, 11, 2), normal(generator, len(theta))
    x, logdet = transform.with_logdet(theta, z)
    assert relative_gap(logdet, Transform.with_logdet(transform, theta, z)[1]) < 1e-12  # round-off
    jacobian = transform.jacobian(theta, z)
    step = 1e-5  # central differences: truncation ~ step², rounding ~ 1e-16 / step
    difference = transform(theta + step * dtheta, z) - transform(theta - step * dtheta, z)
    assert relative_gap(jacobian.jvp(dtheta), difference / (2 * step)) < 1e-7
    assert relative_gap(jacobian.rows() @ dtheta, jacobian.jvp(dtheta)) < 1e-12  # round-off
    # zuko's own inverse, and its own density: log ρ(x) = log λ(z) − log|det DT|
    assert relative_gap(transform.inverse(theta, x), z) < 1e-9  # round-off times condition of DT
    if direction is backward:
        own = flow(name).double()().log_prob(x).detach()
        model = PushForward(Gaussian(2), transform)
        assert relative_gap(model.log_prob(theta, x), own) < 1e-9


def test_a_zuko_flow_runs(generator: Generator) -> None:
    transform = FromModule(flow("MAF"), 2, forward)
    energy = Potential(lambda x: 0.5 * ((x - 1) ** 2).sum(1)) + Entropy()
    model = PushForward(Gaussian(2), transform)
    start = transform.init(generator)
    problem = Problem(model, energy, start, t_end=0.3, samples=1000)
    run = evolve(problem, Explicit(0.1), record=3, progress=False)
    z = Gaussian(2).sobol(1024, generator)
    values = [float(energy.value(model.cloud(theta, z))) for theta in run.thetas]
    assert run.status == "completed"
    assert values[0] > values[1] > values[2] > values[3]


def test_parameters_are_flattened_in_their_order(generator: Generator) -> None:
    module = Shifted(2, 3)
    transform = FromModule(module, 2)
    theta = transform.init(generator, torch.float32)
    assert torch.equal(theta, nn.utils.parameters_to_vector(module.parameters()))
    moved = normal(generator, len(theta)).float()
    z = normal(generator, 5, 2).float()
    x = transform(moved, z)
    assert torch.equal(theta, transform.init(generator, torch.float32))  # module as it was
    nn.utils.vector_to_parameters(moved, module.parameters())
    assert torch.equal(x, module(z).detach())


def test_fixed_parameters_and_buffers_follow_the_dtype(generator: Generator) -> None:
    module = nn.Sequential(Shifted(2, 3), nn.Linear(2, 2))
    module[1].requires_grad_(False)
    module.register_buffer("unused", torch.ones(1))
    transform = FromModule(module, 2)
    assert transform.n_params == 2 * 3 + 3 + 3 * 2 + 2
    z = normal(generator, 4, 2)
    x = transform(transform.init(generator), z)
    assert x.dtype is torch.float64
    assert relative_gap(x, module.double()(z).detach()) < 1e-15  # the same operations


def test_wrong_modules_are_named() -> None:
    with pytest.raises(ValueError, match="module must have parameters that need a gradient"):
        FromModule(nn.Tanh(), 2)
    with pytest.raises(ValueError, match=r"module\(z\) must have shape \(2, 2\), got \(2, 3\)"):
        FromModule(nn.Linear(2, 3), 2)
