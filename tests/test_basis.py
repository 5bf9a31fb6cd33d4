"""Basis expansions: orthonormal functions, a J that does not depend on θ, and gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from cases import FAMILIES, normal, random_theta, relative_gap, waves
from torch import Generator, Tensor
from torch.func import jacfwd, vmap

from pwgf_core import Basis, Bumps, Fourier, NumericalError, Polynomials, Ridges

BASES = [f.transform for f in FAMILIES if isinstance(f.transform, Basis)]


@pytest.mark.parametrize(("dim", "degree"), [(1, 0), (1, 5), (2, 3), (3, 2)])
def test_polynomials_are_orthonormal_and_complete(dim: int, degree: int) -> None:
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(degree + 2))
    weights = weights / math.sqrt(2 * math.pi)
    z = torch.cartesian_prod(*dim * [nodes]).reshape(-1, dim)
    w = torch.cartesian_prod(*dim * [weights]).reshape(-1, dim).prod(1)
    values = Polynomials(dim, degree)(z)
    assert values.shape[1] == math.comb(dim + degree, degree)
    # Gauss–Hermite quadrature is exact for these degrees: round-off
    gram = values.T @ (w[:, None] * values)
    assert relative_gap(gram, torch.eye(len(gram)).double()) < 1e-12


@pytest.mark.parametrize(("dim", "order"), [(1, 3), (2, 2), (3, 1)])
def test_waves_are_orthonormal_and_complete(dim: int, order: int) -> None:
    length = 5.0
    line = torch.arange(2 * order + 1).double() * length / (2 * order + 1)
    z = torch.cartesian_prod(*dim * [line]).reshape(-1, dim)
    values = Fourier(dim, order, length)(z)
    assert values.shape[1] == (2 * order + 1) ** dim
    # The trapezoidal rule is exact for waves below twice the number of points: round-off
    assert relative_gap(values.T @ values / len(z), torch.eye(len(values.T)).double()) < 1e-12


def test_bumps_and_ridges_in_one_dimension() -> None:
    z = torch.linspace(-2, 2, 9).double()[:, None]
    bumps = Bumps(torch.tensor([[0.5], [-1.0]]), 0.7)(z)
    assert relative_gap(bumps[:, 1:], torch.exp(-(((z + 1) / 0.7) ** 2) / 2)) < 1e-15
    ridges = Ridges(torch.tensor([[2.0], [3.0]]), torch.tensor([1.0, 0.5]))(z)
    assert relative_gap(ridges[:, 1:], torch.tanh(3 * z + 0.5)) < 1e-15


@pytest.mark.parametrize("transform", BASES, ids=repr)
def test_jacobian_does_not_depend_on_theta(transform: Basis, generator: Generator) -> None:
    z, r = normal(generator, 9, transform.dim), normal(generator, 9, transform.dim)
    at_start = transform.jacobian(transform.init(generator), z)
    theta = random_theta(transform, generator)
    elsewhere = transform.jacobian(theta, z)
    assert torch.equal(at_start.rows(), elsewhere.rows())
    assert torch.equal(at_start.vjp(r), elsewhere.vjp(r))
    # linear in θ: T_θ − id = J θ, to round-off
    assert relative_gap(elsewhere.jvp(theta), transform(theta, z) - z) < 1e-13


def test_gradient_fields_keep_the_map_a_gradient(generator: Generator) -> None:
    transform = Basis(2, waves)
    theta, z = random_theta(transform, generator), normal(generator, 9, 2)
    d_x = vmap(jacfwd(lambda p: transform(theta, p[None])[0]))(z)
    assert relative_gap(d_x, d_x.transpose(1, 2)) < 1e-15  # a symmetric derivative


def test_a_fold_is_an_error_with_advice() -> None:
    transform = Basis(1, Polynomials(1, 2))  # z + (z² − 1) at θ = (0, 0, √2)
    theta = torch.tensor([0.0, 0.0, math.sqrt(2)]).double()
    z = torch.linspace(-2, 2, 11).double()[:, None]
    for result in (lambda j: j.logdet, lambda j: j.score(-z), lambda j: j.vjp(z, z[:, 0])):
        with pytest.raises(NumericalError, match=r"basis expansion folds.*use a smaller step h"):
            result(transform.jacobian(theta, z))


def test_wrong_settings_are_named() -> None:
    def flat(z: Tensor) -> Tensor:
        return z.sum(1)

    for wrong in (flat, lambda z: z[:, :, None][:, :1], lambda z: z.T):
        with pytest.raises(ValueError, match=r"features must map shape \(2, 3\) to \(2, any\)"):
            Basis(3, wrong)
    with pytest.raises(ValueError, match="degree must be an integer of at least 0, got -1"):
        Polynomials(2, -1)
    with pytest.raises(ValueError, match=r"length must be a finite number above 0, got 0\.0"):
        Fourier(2, 1, 0.0)
    with pytest.raises(ValueError, match=r"centres must have shape \(any, any\), got \(3,\)"):
        Bumps(torch.zeros(3), 1.0)
    with pytest.raises(ValueError, match=r"b must have shape \(4\), got \(3,\)"):
        Ridges(torch.zeros(4, 2), torch.zeros(3))
