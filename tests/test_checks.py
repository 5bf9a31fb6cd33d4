"""The checks for users: silent on what is right, and naming each kind of mistake."""

from __future__ import annotations

import pytest
import torch
from cases import DIFFEOMORPHISMS, ENERGIES, TRANSFORMS, normal, random_theta, relative_gap
from torch import Generator, Tensor

from pwgf_core import (
    Affine,
    CheckError,
    Cloud,
    Energy,
    Gaussian,
    NeuralODE,
    Planar,
    PushForward,
    Transform,
    check_gradient,
    check_jacobian,
)
from pwgf_core.checks import pointwise_velocity
from pwgf_core.transforms.affine import AffineJacobian


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_every_transform_passes(transform: Transform, generator: Generator) -> None:
    theta, z = random_theta(transform, generator), normal(generator, 9, transform.dim)
    # a neural ODE integrates the divergence by RK4
    tolerance = 1e-4 if isinstance(transform, NeuralODE) else 1e-8
    found = check_jacobian(transform, theta, z, tolerance)
    assert {"jvp", "vjp", "logdet", "score"} <= set(found)


class Wrong(Affine):
    """An affine map with one mistake, in the method of that name."""

    def __init__(self, mistake: str) -> None:
        super().__init__(2)
        self.mistake = mistake

    def with_logdet(self, theta: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        x, logdet = super().with_logdet(theta, z)
        return x, -logdet if self.mistake == "with_logdet" else logdet

    def inverse(self, theta: Tensor, x: Tensor) -> Tensor:
        z = super().inverse(theta, x)
        return z + 1 if self.mistake == "inverse" else z

    def jacobian(self, theta: Tensor, z: Tensor) -> AffineJacobian:
        jacobian = super().jacobian(theta, z)
        name = self.mistake
        if name in ("x", "logdet"):
            setattr(jacobian, name, 1.01 * getattr(jacobian, name))
        elif name == "pullback":
            right = jacobian.pullback
            jacobian.pullback = lambda r, q=None: (right(r, q)[0], 1.01 * right(r, q)[1])
        elif name == "nan":
            jacobian.score = lambda score_z: torch.nan * score_z
        elif name == "shape":
            jacobian.score = lambda score_z: score_z[:, :1]
        elif name == "normal":
            right = jacobian.normal
            jacobian.normal = lambda dtheta, dz=None: (1.01 * right(dtheta, dz)[0], None)
        elif name in ("jvp", "vjp", "rows", "score"):
            method = getattr(jacobian, name)
            setattr(jacobian, name, lambda *args: 1.01 * method(*args))
        return jacobian


@pytest.mark.parametrize(
    "mistake",
    ["x", "logdet", "with_logdet", "jvp", "vjp", "pullback", "normal", "rows", "score", "inverse"],
)
def test_each_mistake_is_named(mistake: str, generator: Generator) -> None:
    transform = Wrong(mistake)
    theta, z = random_theta(transform, generator), normal(generator, 9, 2)
    with pytest.raises(CheckError, match=rf"disagreement of .*\b{mistake} .* \(allowed") as caught:
        check_jacobian(transform, theta, z)
    named = {part.split()[0] for part in str(caught.value).split("of ", 1)[1].split("; ")}
    # the generic Jacobian, the twin of the products, differentiates with_logdet
    others = {"logdet", "vjp", "pullback", "score"} if mistake == "with_logdet" else set()
    assert named <= {mistake, *others}


@pytest.mark.parametrize("mistake", ["nan", "shape"])
def test_a_nan_or_another_shape_is_a_disagreement(mistake: str, generator: Generator) -> None:
    transform = Wrong(mistake)
    theta, z = random_theta(transform, generator), normal(generator, 9, 2)
    with pytest.raises(CheckError, match=r"score by inf \(allowed 1e-08\)"):
        check_jacobian(transform, theta, z)


@pytest.mark.parametrize("name", ENERGIES)
@pytest.mark.parametrize("transform", DIFFEOMORPHISMS[::3], ids=repr)
def test_every_energy_passes(name: str, transform: Transform, generator: Generator) -> None:
    model = PushForward(Gaussian(transform.dim), transform)
    theta, z = random_theta(transform, generator), normal(generator, 1600, transform.dim)
    assert check_gradient(ENERGIES[name], model, theta, z)["velocity"] < 1e-12  # round-off


class Local(Energy):
    """mean of c cosh(x₁) ρ² (local in x and ρ) plus half the pair average of |x − y|⁴/4."""

    def __init__(self, factor: float = 1.0, detach: bool = False) -> None:
        self.factor, self.detach = factor, detach

    def value(self, cloud: Cloud) -> Tensor:
        log_rho = cloud.log_rho.detach() if self.detach else cloud.log_rho
        gaps = cloud.x[:, None] - cloud.x
        pairs = gaps.square().sum(2).square().sum() / 8
        return (cloud.x[:, 0].cosh() * (2 * log_rho).exp()).mean() + pairs / cloud.n**2

    def velocity(self, cloud: Cloud) -> Tensor:
        # δF/δρ = 3 cosh(x₁) ρ² + mean over y of |x − y|⁴ / 4
        square = (2 * cloud.log_rho).exp()
        gradient = 6 * (cloud.x[:, 0].cosh() * square)[:, None] * cloud.score
        gradient[:, 0] += 3 * cloud.x[:, 0].sinh() * square
        gaps = cloud.x[:, None] - cloud.x
        gradient += (gaps * gaps.square().sum(2, keepdim=True)).mean(1)
        return -self.factor * gradient


def test_a_users_energy_with_density_and_pairs(generator: Generator) -> None:
    transform = Planar(2, 5)
    model = PushForward(Gaussian(2), transform)
    theta, z = random_theta(transform, generator), normal(generator, 800, 2)
    cloud = model.cloud(theta, z)
    # the formula in the docstring against the velocity derived by hand, to round-off
    assert relative_gap(pointwise_velocity(Local(), cloud), Local().velocity(cloud)) < 1e-12
    check_gradient(Local(), model, theta, z)
    with pytest.raises(CheckError, match=r"velocity by .*weak form by"):
        check_gradient(Local(factor=2.0), model, theta, z)
    with pytest.raises(CheckError, match=r"gradient by .*velocity by"):
        check_gradient(Local(detach=True), model, theta, z)


def test_wrong_arguments_are_named(generator: Generator) -> None:
    transform = Affine(2)
    theta, z = random_theta(transform, generator), normal(generator, 31, 2)
    model = PushForward(Gaussian(2), transform)
    with pytest.raises(ValueError, match=r"double precision .* got torch\.float32"):
        check_jacobian(transform, theta.float(), z.float())
    with pytest.raises(ValueError, match=r"number of samples z must be .* at least 32, got 31"):
        check_gradient(ENERGIES["entropy"], model, theta, z)
    with pytest.raises(ValueError, match=r"theta must have shape \(6\), got \(5,\)"):
        check_gradient(ENERGIES["entropy"], model, theta[1:], z)
