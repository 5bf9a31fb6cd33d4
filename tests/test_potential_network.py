"""The trained potential: its gradient, what it can fit, and the bi-level scheme built on it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from cases import normal, relative_gap
from torch import Generator, Tensor
from torch.func import grad, jacrev, vmap

from pwgf_core import (
    Affine,
    BiLevel,
    BiLevelNetwork,
    Entropy,
    Gaussian,
    OrnsteinUhlenbeck,
    Potential,
    PotentialNetwork,
    Problem,
    PushForward,
    evaluation_cloud,
    evolve,
    gaussian_w2,
    moments,
)
from pwgf_core.potential_network import ACTIVATIONS


def potential(network: PotentialNetwork, theta: Tensor, x: Tensor) -> Tensor:
    """ψ at one point, as the class documents it, with g(s) = tanh s or max(s, 0)."""
    w, c, a, b, q = theta.split(network.sizes)
    s = w.reshape(network.width, network.dim) @ x + c
    if network.activation == "relu":
        return a @ s.clamp(min=0)
    return b @ x + 0.5 * x @ q.reshape(network.dim, network.dim) @ x + a @ torch.tanh(s)


def smooth_field(x: Tensor) -> Tensor:
    """The gradient of ½xᵀQx + 1.5 sin(w·x)."""
    q = torch.tensor([[1.0, 0.4], [0.4, -0.5]]).double()
    w = torch.tensor([1.0, -0.7]).double()
    return x @ q + 1.5 * torch.cos(x @ w)[:, None] * w


def fitted(network: PotentialNetwork, steps: int, rate: float, generator: Generator) -> float:
    """The part of E|u|² that is left after so many Adam steps."""
    x = normal(generator, 500, 2)
    theta = network.init(generator).requires_grad_()
    adam = torch.optim.Adam([theta], lr=rate)
    return network.fit(theta, x, smooth_field(x), adam, steps)


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_is_that_of_the_potential(activation: str, dim: int, generator: Generator) -> None:
    network = PotentialNetwork(dim, 7, activation)
    theta = normal(generator, sum(network.sizes))
    x = normal(generator, 20, dim)
    expected = vmap(grad(lambda p: potential(network, theta, p)))(x)
    assert relative_gap(network.gradient(theta, x), expected) < 1e-12  # rounding


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_in_whitened_coordinates(activation: str, generator: Generator) -> None:
    points = normal(generator, 40, 3) @ normal(generator, 3, 3) + 2
    network = PotentialNetwork(3, 7, activation, points)
    theta, x = normal(generator, sum(network.sizes)), normal(generator, 20, 3)
    factor = torch.linalg.cholesky(torch.cov(points.T, correction=0))

    def whitened(p: Tensor) -> Tensor:
        y = torch.linalg.solve_triangular(factor, (p - points.mean(0))[:, None], upper=False)
        return potential(network, theta, y[:, 0])

    assert relative_gap(network.gradient(theta, x), vmap(grad(whitened))(x)) < 1e-8  # jitter 1e-12
    with pytest.raises(ValueError, match=r"points must have shape \(any, 3\), got \(40, 2\)"):
        PotentialNetwork(3, 7, activation, points[:, :2])


@pytest.mark.parametrize("dim", [2, 5])
def test_field_is_free_of_curl(dim: int, generator: Generator) -> None:
    network = PotentialNetwork(dim, 6, points=3 * normal(generator, 30, dim))
    theta = normal(generator, sum(network.sizes))
    x = normal(generator, 20, dim)
    jacobian = vmap(jacrev(lambda p: network.gradient(theta, p[None])[0]))(x)
    assert relative_gap(jacobian, jacobian.transpose(1, 2)) < 1e-12  # rounding
    assert float(jacobian.norm()) > 1


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_parameters_move_the_field(activation: str, generator: Generator) -> None:
    network = PotentialNetwork(2, 6, activation)
    theta = normal(generator, sum(network.sizes)).requires_grad_()
    x = normal(generator, 20, 2)
    (slope,) = torch.autograd.grad(network.gradient(theta, x).square().sum(), theta)
    w, c, a, b, q = (float(part.norm()) for part in slope.split(network.sizes))
    assert min(w, a) > 1e-3
    if activation == "relu":
        assert c == b == q == 0.0  # no derivative in the shifts, and no quadratic part
    else:
        assert min(c, b, q) > 1e-3


def test_first_parameters(generator: Generator) -> None:
    x = normal(generator, 20, 3)
    tanh, relu = PotentialNetwork(3, 50), PotentialNetwork(3, 50, "relu")
    theta = tanh.init(generator)
    assert theta.shape == (sum(tanh.sizes),)
    assert torch.equal(tanh.gradient(theta, x), torch.zeros_like(x))
    published = relu.init(generator)
    ridges = published[: sum(relu.sizes[:3])]
    assert float(ridges.abs().max()) <= 0.1
    assert float(ridges.abs().max()) > 0.09  # of 250 uniform numbers
    assert float(relu.gradient(published, x).norm()) > 0
    first, again = (tanh.init(Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, again)
    assert tanh.init(generator, torch.float32).dtype == torch.float32


def test_tanh_fits_a_smooth_gradient_field(generator: Generator) -> None:
    # From ∇ψ = 0, where the residual is 1; three seeds gave 6e-5 to 8e-5.
    assert fitted(PotentialNetwork(2), 300, 2e-2, generator) < 1e-3


def test_no_potential_fits_a_rotation(generator: Generator) -> None:
    x = Gaussian(2).draw(500, generator, sampling="matched")
    rotation = torch.stack([-x[:, 1], x[:, 0]], 1)
    network = PotentialNetwork(2, 16)
    theta = network.init(generator).requires_grad_()
    residual = network.fit(theta, x, rotation, torch.optim.Adam([theta], lr=1e-2), 300)
    # E[∇ψ·u] = 0 for the Gaussian; 500 points leave noise of 68 parameters in 1000 numbers
    assert 1 - 68 / 500 < residual <= 1.0


def test_fit_measures_the_residual(generator: Generator) -> None:
    x, u = normal(generator, 30, 2), normal(generator, 30, 2)
    network = PotentialNetwork(2, 4)
    theta = network.init(generator).requires_grad_()
    adam = torch.optim.Adam([theta])
    before = theta.detach().clone()
    assert network.fit(theta, x, u, adam, 0) == pytest.approx(1.0, rel=1e-12)  # ∇ψ = 0
    assert torch.equal(theta, before)
    # ∇ψ is compared with u / √E|u|²: the scale of u does not matter
    residuals = []
    for scale in (1e-3, 1.0, 1e3):
        theta = before.clone().requires_grad_()
        residuals.append(network.fit(theta, x, scale * u, torch.optim.Adam([theta]), 5))
    assert max(residuals) - min(residuals) < 1e-10
    assert residuals[0] < 1


def test_published_network_fails_in_two_dimensions(generator: Generator) -> None:
    # ReLU potentials have piecewise constant gradients; the kinks cannot be trained. Two seeds
    # gave 0.354 to 0.405, with a rate of 2e-2 too.
    network = PotentialNetwork(2, activation="relu")
    for rate in (5e-4, 5e-3):
        assert fitted(network, 2000, rate, generator) > 0.1


def flow_in_two_dimensions() -> Problem:
    sigma = torch.tensor([[0.6, 0.2], [0.2, 0.4]]).double()
    exact = OrnsteinUhlenbeck(torch.tensor([1.0, -0.5]).double(), sigma)
    transform = Affine(2)
    return Problem(
        PushForward(Gaussian(2), transform),
        Potential.quadratic(exact.mu, exact.precision) + Entropy(),
        transform.init(Generator()),
        samples=256,
        sampling="matched",
        exact=exact,
    )


def test_step_keeps_the_potential_and_reports(generator: Generator) -> None:
    problem = flow_in_two_dimensions()
    run = evolve(problem, BiLevelNetwork(0.05, outer=20), t_end=0.1, record=2, progress=False)
    assert run.status == "completed"
    network = PotentialNetwork(2, 64)
    assert run.state.psi is not None
    assert run.state.psi.shape == (sum(network.sizes),)
    assert not run.state.psi.requires_grad
    assert not run.state.theta.requires_grad
    assert run.history["iterations"] == [200, 200]
    assert min(run.history["decrease"]) > 0
    moved = (run.thetas[1] - run.thetas[0]).square().sum()  # E|u|²: the metric is the identity
    # Starting at N(0, I) the step is a gradient up to O(h); ψ lags by one step of Adam.
    assert run.history["distance"][0] == pytest.approx(float(moved), rel=0.2)


@pytest.mark.slow
def test_trained_and_exact_projection_give_the_same_flow() -> None:
    problem = flow_in_two_dimensions()
    schemes = (BiLevelNetwork(0.05, outer=100), BiLevel(0.05, tol=1e-6))
    ends = []
    for scheme in schemes:
        run = evolve(problem, scheme, t_end=0.25, record=1, progress=False)
        assert run.status == "completed"
        ends.append(moments(evaluation_cloud(problem, run.state.theta, 4096).x))
    # Adam with the rate 2e-3 ends each step within a few 1e-3 of the minimum (seen: 7e-4 in W2).
    # 100 steps can move a parameter by 0.2; with half of them the flow of the first steps lags.
    assert gaussian_w2(*ends[0], *ends[1]) < 0.02
    start = moments(evaluation_cloud(problem, problem.theta0, 4096).x)
    assert gaussian_w2(*start, *ends[1]) > 0.4


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="activation must be one of relu, tanh, got 'sine'"):
        PotentialNetwork(2, activation="sine")
    with pytest.raises(ValueError, match="width must be an integer of at least 1, got 0"):
        PotentialNetwork(2, 0)
    with pytest.raises(ValueError, match="dim must be an integer of at least 1, got 0"):
        PotentialNetwork(0)
    network: Any = BiLevelNetwork
    for name in ("h", "inner_rate", "outer_rate"):
        with pytest.raises(ValueError, match=f"{name} must be a finite number above 0"):
            network(**{"h": 0.1, name: 0.0})
    for name in ("inner", "outer", "width"):
        with pytest.raises(ValueError, match=f"{name} must be an integer of at least 1"):
            network(0.1, **{name: 0})
    with pytest.raises(ValueError, match="activation must be one of relu, tanh"):
        BiLevelNetwork(0.1, activation="sine")
