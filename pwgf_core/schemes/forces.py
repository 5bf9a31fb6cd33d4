"""What the schemes take from an energy on a sample: values, derivatives by θ, and their checks."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..distributed import check_agreement, share, total
from ..energies import Energy
from ..errors import NumericalError
from ..model import Cloud, Jumps
from ..state import Problem
from ..transforms.base import Jacobian


def energy_gradient(energy: Energy, cloud: Cloud, jacobian: Jacobian) -> Tensor:
    """∇_θ F of the sample average: Σ_n J_nᵀ ∂F/∂x_n − ∂F/∂log ρ_n ∇_θ log|det DT|, shape (m,).

    Where ρ_θ jumps, the derivative of what `Cloud.average` adds there is part of it. Raises
    `ValueError` if the energy depends on log ρ and the jumps are not known, or not used.
    """
    slopes = _slopes(energy, cloud, jacobian, cloud.jumps)
    if slopes.log_rho is None:
        return total(jacobian.vjp(slopes.x))
    gradient = jacobian.vjp(slopes.x, -slopes.log_rho)
    return total(gradient + cloud.jumps.pullback(**slopes.jumps) if cloud.jumps else gradient)


def jump_force(energy: Energy, cloud: Cloud, jacobian: Jacobian) -> Tensor:
    """What the jumps of ρ_θ add to E[Jᵀv] so that it is −∇_θF in expectation, shape (m,).

    ∫ρf(log ρ) has the pressure P = ρf′ and the potential δF/δρ = f + f′. With [·] the value above
    a jump less the one below, this is Σ_k λ(z_k)[δF/δρ] ∇_θz_k − [P] ∇_θT_θ(z_k), the second
    gradient along the moving z_k. Zero for smooth maps. Raises what `energy_gradient` raises.
    """
    jumps = cloud.jumps
    unit = jumps._replace(excess=torch.ones_like(jumps.excess)) if jumps else None
    slopes = _slopes(energy, cloud, jacobian, unit)
    if slopes.log_rho is None or jumps is None:
        return torch.zeros_like(jacobian.theta)
    # f′ below, −f′ above, f below less f above
    below, above, fall = (slopes.jumps[n] for n in ("below", "above", "excess"))
    pressure = below * jumps.below.exp() + above * jumps.above.exp()
    return total(jumps.pullback(z=-jumps.density * (fall + below + above), x=pressure))


class Slopes(NamedTuple):
    """Derivatives of F by x, log ρ (None if it does not depend on it) and fields of `Jumps`.

    Those by the jumps, which every process knows, are its share of them.
    """

    x: Tensor
    log_rho: Tensor | None
    jumps: dict[str, Tensor]


def _slopes(energy: Energy, cloud: Cloud, jacobian: Jacobian, jumps: Jumps | None) -> Slopes:
    sides: dict[str, Tensor] = {}
    if jumps is not None:
        names = ("below", "above", "excess")
        sides = {name: getattr(jumps, name).clone().requires_grad_() for name in names}
        jumps = jumps._replace(**sides)
    with torch.enable_grad():
        x = cloud.x.detach().requires_grad_()
        log_rho = torch.zeros_like(x[:, 0]).requires_grad_()
        value = energy.value(Cloud(x, lambda: log_rho + cloud.log_rho.detach(), jumps=jumps))
        if not value.requires_grad:  # a constant
            return Slopes(torch.zeros_like(x), None, {})
        by_x, by_log_rho, *by_sides = torch.autograd.grad(
            share(value), [x, log_rho, *sides.values()], allow_unused=True
        )
    seen = {n: s for n, s in zip(sides, by_sides, strict=True) if s is not None}
    if by_log_rho is not None and not jacobian.transform.smooth and len(seen) < 3:
        raise ValueError(
            f"the density of {jacobian.transform!r} jumps, and the gradient of an energy with "
            "log rho needs the jumps: use a map with `kinks`, or a smooth one (with tanh), and "
            "`Cloud.average` in the energy"
        )
    return Slopes(torch.zeros_like(x) if by_x is None else by_x, by_log_rho, seen)


def finite_energy(problem: Problem, cloud: Cloud, when: str) -> float:
    """F on the sample. Raises `NumericalError` if it is not finite, or if log ρ is needed and the
    map has lost its inverse."""
    energy = problem.energy.value(cloud)
    check_agreement("the energy", energy)  # before decisions depend on it
    value = float(energy)
    if not math.isfinite(value):
        raise NumericalError(
            f"the energy is {value} {when}; use a smaller step h, or check the energy and whether "
            "the points stay where it is finite"
        )
    return value


def check_parameters(theta: Tensor, h: float) -> None:
    """Raise `NumericalError` unless the θ that a step of size h arrives at is finite."""
    wrong = len(theta) - int(torch.isfinite(theta).sum())
    if wrong:
        raise NumericalError(
            f"theta is no longer finite after a step of h = {h:.4g}: {wrong} of {len(theta)} "
            "parameters are not; reduce h"
        )
