"""What a user writes, an energy and a map, in a few lines: it runs, and its mistakes are found."""

from __future__ import annotations

import inspect
from itertools import pairwise
from typing import Any

import pytest
import torch
from cases import normal
from torch import Generator, Tensor

from pwgf_core import (
    Affine,
    CheckError,
    Cloud,
    Dense,
    Energy,
    Explicit,
    Gaussian,
    ImplicitRelaxed,
    LinearDrift,
    Planar,
    Problem,
    PushForward,
    Transform,
    check_gradient,
    check_jacobian,
    evaluate,
    evolve,
)

RATES = torch.tensor([1.0, 2.0]).double()
CENTRE = torch.tensor([1.0, 0.0]).double()


class FreeEnergy(Energy):
    """∫ ρ (V + log ρ) with V(x) = ½ Σ p_i (x_i − c_i)², as a user would write it."""

    def value(self, cloud: Cloud) -> Tensor:
        return (0.5 * (RATES * (cloud.x - CENTRE) ** 2).sum(1) + cloud.log_rho).mean()

    def velocity(self, cloud: Cloud) -> Tensor:
        return -RATES * (cloud.x - CENTRE) - cloud.score


class Shear(Transform):
    """x₁ = e^a z₁ + c, x₂ = e^b z₂ + k tanh(x₁), as a user would write it."""

    dim, n_params = 2, 4

    def init(self, generator: Generator, dtype: Any = torch.float64, device: Any = "cpu") -> Tensor:
        return torch.zeros(4, dtype=dtype, device=device)

    def __call__(self, theta: Tensor, z: Tensor) -> Tensor:
        a, b, c, k = theta
        x = a.exp() * z[:, 0] + c
        return torch.stack([x, b.exp() * z[:, 1] + k * torch.tanh(x)], 1)


class WrongVelocity(FreeEnergy):
    """The sign of the potential's part is wrong."""

    def velocity(self, cloud: Cloud) -> Tensor:
        return RATES * (cloud.x - CENTRE) - cloud.score


class WrongValue(FreeEnergy):
    """The sign of the entropy is wrong."""

    def value(self, cloud: Cloud) -> Tensor:
        return (0.5 * (RATES * (cloud.x - CENTRE) ** 2).sum(1) - cloud.log_rho).mean()


class WrongLogdet(Shear):
    """A determinant of the user's own, with the wrong sign of one factor."""

    def with_logdet(self, theta: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        return self(theta, z), (theta[0] - theta[1]).expand(len(z))


THETA = torch.tensor([0.3, -0.2, 0.5, 0.7]).double()
SCHEMES = [Explicit(0.05), ImplicitRelaxed(0.05)]


@pytest.mark.parametrize("written", [FreeEnergy, Shear])
def test_the_users_code_is_short(written: type) -> None:
    assert len([line for line in inspect.getsource(written).splitlines() if line.strip()]) <= 15


def users_problem(transform: Transform) -> Problem:
    return Problem(
        PushForward(Gaussian(2), transform),
        FreeEnergy(),
        transform.init(Generator().manual_seed(0)),
        samples=256,
        sampling="matched",
        solver=Dense(cutoff=1e-14, shift=1e-6),
        exact=LinearDrift(CENTRE, torch.diag(RATES)),
        name="users",
    )


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
@pytest.mark.parametrize("transform", [Shear(), Affine(2), Planar(2, 16)], ids=repr)
def test_the_users_energy_runs(transform: Transform, scheme: Explicit | ImplicitRelaxed) -> None:
    problem = users_problem(transform)
    run = evolve(problem, scheme, record=4, progress=False)
    found = evaluate(problem, run, 4096)
    assert run.status == "completed"
    assert all(after < before for before, after in pairwise(found.energy)), found.energy
    assert max(found.errors["bures_w2"]) <= 0.05


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_the_users_map_follows_the_flow(scheme: Explicit | ImplicitRelaxed) -> None:
    # ρ_t = N(m_t, C_t), C_t diagonal: a = ½ log C₁₁, b = ½ log C₂₂, c = m₁, k = m₂ = 0
    problem = users_problem(Shear())
    assert isinstance(problem.exact, LinearDrift)
    run = evolve(problem, scheme, record=1, progress=False)
    scales = 0.5 * problem.exact.covariance(1.0).diagonal().log()
    exact = torch.cat([scales, problem.exact.mean(1.0)])
    # h = 0.05 and a scheme of first order; midpoint is far closer
    allowed = 0.02 if isinstance(scheme, ImplicitRelaxed) else 1e-3
    assert float((run.state.theta - exact).abs().max()) < allowed


def test_the_checks_pass(generator: Generator) -> None:
    check_jacobian(Shear(), THETA, normal(generator, 12, 2))
    model = PushForward(Gaussian(2), Shear())
    check_gradient(FreeEnergy(), model, THETA, normal(generator, 800, 2))


def test_a_wrong_sign_is_found(generator: Generator) -> None:
    z, model = normal(generator, 800, 2), PushForward(Gaussian(2), Shear())
    with pytest.raises(CheckError, match=r"velocity by .*weak form by"):
        check_gradient(WrongVelocity(), model, THETA, z)
    with pytest.raises(CheckError, match=r"velocity by .*weak form by"):
        check_gradient(WrongValue(), model, THETA, z)
    with pytest.raises(CheckError, match="with_logdet by"):
        check_jacobian(WrongLogdet(), THETA, z[:12])
