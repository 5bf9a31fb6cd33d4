"""Particle flows: the Lagrangian form ẋ = v(x) of a gradient flow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..distributed import check_finite
from ..energies import Energy
from ..errors import (
    check_count,
    check_function,
    check_lists,
    check_number,
    check_points,
    check_positive,
    check_type,
    check_values,
)
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
    check_type("energy", energy, Energy)
    check_points("x", x)
    check_values("x", x)
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


def trajectories(
    velocity: Callable[[Tensor, float], Tensor], x: Tensor, times: Sequence[float], dt: float
) -> Tensor:
    """Points x(t) of ẋ = v_t(x) at all `times`, from x at the first of them: (times, *x.shape).

    `velocity` maps points of the shape of x and t to velocities, as that of `FiniteVolume1D` does.
    Classical RK4 with steps of `dt` or slightly less, so that they end at each of the times.

    Raises `ValueError` for a dt that is not positive and times that do not increase;
    `NumericalError` if the points do not stay finite.

    >>> path = trajectories(lambda x, t: t * x, torch.ones(1).double(), [0.0, 1.0, 2.0], 0.01)
    >>> path[:, 0].log()  # t²/2
    tensor([0.0000, 0.5000, 2.0000], dtype=torch.float64)
    """
    check_function("velocity", velocity)
    check_type("x", x, Tensor)
    check_positive("dt", dt)
    check_lists(1, times=times)
    for t in times:
        check_number("times", t)
    path = [x]
    for start, end in pairwise(times):
        check_positive("the difference of successive times", end - start)
        steps = math.ceil((end - start) / dt - 1e-9)
        h = (end - start) / steps
        for k in range(steps):
            t = start + k * h
            k1 = velocity(x, t)
            k2 = velocity(x + h / 2 * k1, t + h / 2)
            k3 = velocity(x + h / 2 * k2, t + h / 2)
            k4 = velocity(x + h * k3, t + h)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        check_finite("x(t)", x, "take a smaller dt")
        path.append(x)
    return torch.stack(path)
