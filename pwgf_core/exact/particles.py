"""Particle flows: the Lagrangian form of a gradient flow whose velocity needs points only."""

from __future__ import annotations

from torch import Tensor

from ..energies import Energy
from ..errors import check_count, check_finite, check_positive, check_shape
from ..model import Cloud


def particle_flow(energy: Energy, x: Tensor, t: float, steps: int) -> Tensor:
    """Points x(t), shape (n, d), of ẋ = v(x) from x, in `steps` steps of the classical RK4.

    It serves energies without an entropy, as potentials and interactions, whose velocity is that
    of the n particles themselves.

    Raises `ValueError` for a t or steps that are not positive, and if the velocity needs log ρ or
    the score; `NumericalError` if the points do not stay finite.

    >>> import torch
    >>> from pwgf_core import Potential
    >>> decay = Potential(lambda x: 0.5 * (x * x).sum(1))
    >>> round(float(particle_flow(decay, torch.ones(1, 1).double(), 1.0, 100)), 8)
    0.36787944
    """
    check_shape("x", x, (None, None))
    check_positive("t", t)
    check_count("steps", steps)
    h = t / steps
    for _ in range(steps):
        k1 = energy.velocity(Cloud(x))
        k2 = energy.velocity(Cloud(x + h / 2 * k1))
        k3 = energy.velocity(Cloud(x + h / 2 * k2))
        k4 = energy.velocity(Cloud(x + h * k3))
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    check_finite("x(t)", x, "take more steps")
    return x
