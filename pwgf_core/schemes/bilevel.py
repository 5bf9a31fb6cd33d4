"""The bi-level scheme of the slides: a proximal step in the true metric, with a potential ψ."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor

from ..distributed import check_finite, check_single, expectation
from ..errors import check_choice, check_count, check_positive, check_type
from ..linalg import Status
from ..metrics import MetricChoice, Wasserstein
from ..potential_network import PotentialNetwork
from ..state import Info, Problem, State
from .explicit import equal_step, mean_square
from .forces import check_parameters, energy_gradient, finite_energy
from .implicit import ImplicitRelaxed


@dataclass(frozen=True)
class BiLevel(ImplicitRelaxed):
    """θ⁺ = argmin_θ max_ψ E[2∇ψ(x)·u − |∇ψ(x)|²] + 2h F(θ), u = T_θ(z) − x, x = T_θk(z).

    The slides' scheme (Liu et al. 2022), written over z so that no inverse of T is needed. The
    inner maximum is E|P u|², P the projection on gradients. With ψ in a linear space
    (`fields`, the closed form) it is one least-squares solve and the step is the proximal one
    of `ImplicitRelaxed` in that metric. `fields.floor` > 0 adds a part of E|u|².
    """

    fields: Wasserstein = field(default_factory=Wasserstein)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_type("fields", self.fields, Wasserstein)

    @property
    def metric(self) -> MetricChoice:
        return self.fields


@dataclass(frozen=True)
class BiLevelNetwork:
    """The bi-level step with ψ a trained network, as on the slides: Adam on ψ inside Adam on θ.

    Each of `outer` steps on θ follows E[2Jᵀ∇ψ] + 2h∇F after `inner` steps on ψ, which minimise
    E|∇ψ(x) − u|² relative to E|u|². ψ is kept from one outer step and time step to the next.
    Adam moves each parameter by at most about `outer` · `outer_rate` in a step, which limits h.
    For teaching: the closed form of `BiLevel` gives the same flow many times faster.
    """

    h: float
    inner: int = 10
    outer: int = 50
    inner_rate: float = 5e-3
    outer_rate: float = 2e-3
    width: int = 64
    activation: str = "tanh"

    def __post_init__(self) -> None:
        for name in ("h", "inner_rate", "outer_rate"):
            check_positive(name, getattr(self, name))
        for name in ("inner", "outer", "width"):
            check_count(name, getattr(self, name))
        check_choice("activation", self.activation, ("tanh", "relu"))

    def step(
        self, problem: Problem, state: State, z: Tensor, limit: float = math.inf
    ) -> tuple[State, Info]:
        """One step on the sample z, of the largest size up to h that divides `limit`."""
        check_single("BiLevelNetwork")
        h = equal_step(self.h, limit)
        model, energy = problem.model, problem.energy
        cloud, jacobian = model.linearize(state.theta, z)
        x, v = jacobian.x, energy.velocity(cloud)
        check_finite("the velocity", v)
        speed = mean_square(v, model.transform)
        before = finite_energy(problem, cloud, "on the sample of this step")
        points = x if self.activation == "tanh" else None  # as published for ReLU
        network = PotentialNetwork(model.dim, self.width, self.activation, points)
        psi = state.psi
        if psi is None:
            psi = network.init(Generator().manual_seed(0), z.dtype, z.device)
        psi = psi.clone().requires_grad_()
        theta = state.theta.clone()
        theta.grad = torch.zeros_like(theta)
        theta_adam = torch.optim.Adam([theta], lr=self.outer_rate)
        psi_adam = torch.optim.Adam([psi], lr=self.inner_rate)
        target = h * v  # where the step will go: ψ starts near its last fit
        misfit, size = math.nan, 0.0  # the fit is relative to √E|u|², which starts at zero
        for _ in range(self.outer):
            misfit = network.fit(psi, x, target, psi_adam, self.inner)
            with torch.no_grad():
                cloud, jacobian = model.linearize(theta.detach(), z)
                pull = size * expectation(jacobian.vjp(network.gradient(psi, x)), len(z))
                theta.grad = 2 * (pull + h * energy_gradient(energy, cloud, jacobian))
                theta_adam.step()
                target = model.transform.jacobian(theta.detach(), z).x - x
                size = math.sqrt(float(expectation(target.square().sum(), len(z))))
        theta = theta.detach()
        check_parameters(theta, h)
        cloud = model.linearize(theta, z)[0]
        after = finite_energy(problem, cloud, f"after a step of h = {h:.4g}")
        moved = size * network.gradient(psi.detach(), x)
        info = Info(
            h,
            before,
            speed,
            misfit,
            misfit,
            self.outer * self.inner,
            Status.MAX_ITERATIONS,
            decrease=before - after,
            distance=float(expectation(moved.square().sum(), len(z))),
        )
        return (
            replace(state, theta=theta, t=state.t + h, step=state.step + 1, psi=psi.detach()),
            info,
        )
