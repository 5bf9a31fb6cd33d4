"""Right-hand sides of the schemes: derivatives of an energy on a sample by θ."""

from __future__ import annotations

import torch
from torch import Tensor

from ..distributed import expectation
from ..energies import Energy
from ..model import Cloud, Jumps
from ..transforms.base import Jacobian


def energy_gradient(energy: Energy, cloud: Cloud, jacobian: Jacobian) -> Tensor:
    """∇_θ F of the sample average: Σ_n J_nᵀ ∂F/∂x_n − ∂F/∂log ρ_n ∇_θ log|det DT|, shape (m,).

    Where ρ_θ jumps, the derivative of what `Cloud.average` adds there is part of it. Raises
    `ValueError` if the energy depends on log ρ and the jumps are not known, or not used.
    """
    jumps = cloud.jumps
    by_x, by_log_rho, *by_jumps = _slopes(energy, cloud, jacobian, jumps)
    if by_log_rho is None:
        return jacobian.vjp(by_x)
    gradient = jacobian.vjp(by_x, -by_log_rho)
    return gradient + jumps.pullback(*by_jumps) if jumps else gradient


def velocity_force(energy: Energy, v: Tensor, cloud: Cloud, jacobian: Jacobian) -> Tensor:
    """E[Jᵀv], and what the jumps of ρ_θ add to it so that it is −∇_θF in expectation: (m,).

    ∫ρf(log ρ) has the pressure P = ρf′ and the potential δF/δρ = f + f′. With [·] the value above
    a jump less the one below, E[Jᵀv] lacks Σ_k λ(z_k)[δF/δρ] ∇_θz_k − [P] ∇_θT_θ(z_k), the second
    gradient along the moving z_k. Raises what `energy_gradient` raises.
    """
    force = expectation(jacobian.vjp(v), cloud.n)
    jumps = cloud.jumps
    if jumps is None and jacobian.transform.smooth:
        return force
    unit = jumps and jumps._replace(excess=torch.ones_like(jumps.excess))
    _, by_log_rho, *by_jumps = _slopes(energy, cloud, jacobian, unit)
    if by_log_rho is None or jumps is None:
        return force
    below, above, gap = by_jumps  # f′ below, −f′ above, f below − f above
    pressure = below * jumps.below.exp() + above * jumps.above.exp()
    return force + jumps.pullback(z=-jumps.density * (gap + below + above), x=pressure)


def _slopes(
    energy: Energy, cloud: Cloud, jacobian: Jacobian, jumps: Jumps | None
) -> list[Tensor | None]:
    """Derivatives of F by x (zero if it has none), log ρ and the first three fields of `jumps`."""
    sides = [p.clone().requires_grad_() for p in jumps[:3]] if jumps else []
    with torch.enable_grad():
        x = cloud.x.detach().requires_grad_()
        log_rho = torch.zeros_like(x[:, 0]).requires_grad_()
        seen = Jumps(*sides, *jumps[3:]) if jumps else None
        value = energy.value(Cloud(x, lambda: log_rho + cloud.log_rho.detach(), jumps=seen))
        inputs = [x, log_rho, *sides]
        slopes: list[Tensor | None] = [None] * len(inputs)
        if value.requires_grad:  # not a constant
            slopes = list(torch.autograd.grad(value, inputs, allow_unused=True))
    slopes[0] = torch.zeros_like(x) if slopes[0] is None else slopes[0]
    blind = jumps is None or None in slopes[2:]
    if slopes[1] is not None and not jacobian.transform.smooth and blind:
        raise ValueError(
            f"the density of {jacobian.transform!r} jumps, and the gradient of an energy with "
            "log rho needs the jumps: use a map with `kinks`, or a smooth one (with tanh), and "
            "`Cloud.average` in the energy"
        )
    return slopes
