"""The generative model ρ_θ = T_θ# λ, and the cloud of points that an energy sees."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from .distributed import expectation
from .errors import check_count, check_points, check_real, check_type
from .reference import Reference
from .transforms.base import Jacobian, Transform
from .transforms.chunks import freeze


class Jumps(NamedTuple):
    """log ρ_θ, shape (K,), `below` and `above` its jumps at T_θ(z_k).

    `excess` is Λ(z_k) − Λ_n(z_k), the probability below z_k under λ less its share of the sample,
    `density` λ(z_k). `pullback` maps derivatives by any of `below`, `above`, `excess`, `z` (z_k)
    and `x` (T_θ(z_k)), each of shape (K,), to one by θ, shape (m,).
    """

    below: Tensor
    above: Tensor
    excess: Tensor
    density: Tensor
    pullback: Callable[..., Tensor]


class Cloud:
    """Points x of a density ρ with log ρ(x), the score ∇log ρ(x), and the z with x = T_θ(z).

    log ρ, the score and the jumps of ρ (None where there are none) may be functions without
    arguments: they are called once, when asked for.

    >>> cloud = Cloud(torch.zeros(3, 2), log_rho=lambda: torch.ones(3))
    >>> cloud.n, cloud.log_rho
    (3, tensor([1., 1., 1.]))
    """

    def __init__(
        self,
        x: Tensor,
        log_rho: Tensor | Callable[[], Tensor] | None = None,
        score: Tensor | Callable[[], Tensor] | None = None,
        z: Tensor | None = None,
        jumps: Jumps | Callable[[], Jumps | None] | None = None,
    ) -> None:
        check_points("x", x)
        self.x, self._log_rho, self._score, self._z, self._jumps = x, log_rho, score, z, jumps
        for name, value in (("log_rho", log_rho), ("score", score), ("z", z)):
            if value is not None and not callable(value):
                self._check(name, value)

    def _check(self, name: str, value: Tensor) -> Tensor:
        check_real(name, value, tuple(self.x.shape[: 1 if name == "log_rho" else 2]))
        return value

    @property
    def n(self) -> int:
        """Number of points."""
        return len(self.x)

    @cached_property
    def log_rho(self) -> Tensor:
        """log ρ(x), shape (n,)."""
        return self._check("log_rho", _given("log_rho", self._log_rho))

    @cached_property
    def score(self) -> Tensor:
        """∇log ρ(x), shape (n, d)."""
        return self._check("score", _given("score", self._score))

    @property
    def z(self) -> Tensor:
        """The points of λ that were mapped to x, shape (n, d)."""
        return _given("z", self._z)

    @cached_property
    def jumps(self) -> Jumps | None:
        """Where ρ jumps, or None."""
        return self._jumps() if callable(self._jumps) else self._jumps

    def average(self, f: Callable[[Tensor], Tensor]) -> Tensor:
        """E[f(log ρ(x))] of a function f, entry by entry, of log ρ: a scalar.

        A sample average plus, where ρ jumps, Σ_k (Λ − Λ_n)(z_k) [f(log ρ⁻) − f(log ρ⁺)]. The sum
        has mean zero, and removes the steps that the sample average takes whenever a z_k passes
        a point of the sample: its derivative in z_k is the flux through the jump that
        differentiating the sample average leaves out.
        """
        value = expectation(f(self.log_rho).sum(), self.n)
        if self.jumps is None:
            return value
        return value + (self.jumps.excess * (f(self.jumps.below) - f(self.jumps.above))).sum()


def _given(name: str, value: Tensor | Callable[[], Tensor] | None) -> Tensor:
    if value is None:
        raise ValueError(f"this needs {name} of the cloud, which was made without it")
    return value() if callable(value) else value


class PushForward:
    """ρ_θ = T_θ# λ: a reference measure λ and a transform T.

    Raises `ValueError` if their dimensions differ.

    >>> from pwgf_core import Affine, Gaussian
    >>> model = PushForward(Gaussian(2), Affine(2))
    >>> theta = model.transform.init(torch.Generator())
    >>> cloud = model.cloud(theta, torch.zeros(1, 2, dtype=theta.dtype))
    >>> round(float(cloud.log_rho.exp()), 6)  # 1 / (2 π)
    0.159155
    """

    def __init__(self, reference: Reference, transform: Transform) -> None:
        check_type("reference", reference, Reference)
        check_type("transform", transform, Transform)
        if reference.dim != transform.dim:
            raise ValueError(
                "reference and transform must have one dimension, "
                f"got {reference.dim} and {transform.dim}"
            )
        self.reference, self.transform = reference, transform
        self.dim = reference.dim

    def linearize(self, theta: Tensor, z: Tensor) -> tuple[Cloud, Jacobian]:
        """The cloud at x = T_θ(z) and the Jacobian ∂T_θ(z)/∂θ, which share their computations.

        log ρ_θ(x) = log λ(z) − log|det DT_θ(z)|, and the score solves
        DTᵀ s = ∇_z (log λ − log|det DT|).
        """
        jacobian = freeze(self.transform, theta, z)
        return self.cloud_of(jacobian, z), jacobian

    def cloud_of(self, jacobian: Jacobian, z: Tensor) -> Cloud:
        """The cloud at x = T_θ(z) of the Jacobian at (θ, z)."""
        return Cloud(
            jacobian.x,
            lambda: self.reference.log_prob(z) - jacobian.logdet,
            lambda: jacobian.score(self.reference.score(z)),
            z,
            lambda: self.jumps(jacobian.theta, z),
        )

    def jumps(self, theta: Tensor, z: Tensor) -> Jumps | None:
        """The jumps of ρ_θ inside the support of λ, for the sample z; None for smooth maps."""
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            kinks = self.transform.kinks(theta)
            if kinks is None:
                return None
            log_prob = self.reference.log_prob(kinks.z)
            inside = torch.isfinite(log_prob)
            at = kinks.z.detach()
            below = torch.searchsorted(z[:, 0].sort().values, at[:, 0], right=True).to(z)
            excess = self.reference.cdf(at) - expectation(below, len(z))
            excess = excess + log_prob.detach().exp() * (kinks.z - at)[:, 0]  # Λ′ is the density
            x = self.transform(theta, kinks.z)
            below, above = log_prob - kinks.below, log_prob - kinks.above
            parts = {"below": below, "above": above, "excess": excess, "z": kinks.z, "x": x}
            parts = {name: p.reshape(-1)[inside] for name, p in parts.items()}

        def pullback(**slopes: Tensor) -> Tensor:
            outputs = [parts[name] for name in slopes]
            return torch.autograd.grad(outputs, theta, list(slopes.values()), retain_graph=True)[0]

        below, above, excess = (parts[n].detach() for n in ("below", "above", "excess"))
        return Jumps(below, above, excess, log_prob.detach()[inside].exp(), pullback)

    def cloud(self, theta: Tensor, z: Tensor, chunk: int = 8192) -> Cloud:
        """The cloud at x = T_θ(z), in chunks of samples so that memory stays small."""
        self.transform.check(theta, z)
        check_count("chunk", chunk)

        def collect(name: str) -> Tensor:
            parts = z.split(chunk)
            return torch.cat([getattr(self.linearize(theta, p)[0], name) for p in parts])

        return Cloud(
            collect("x"),
            lambda: collect("log_rho"),
            lambda: collect("score"),
            z,
            lambda: self.jumps(theta, z),
        )

    def log_prob(self, theta: Tensor, x: Tensor) -> Tensor:
        """log ρ_θ at given points x of shape (n, d), through z = T_θ⁻¹(x): shape (n,).

        Raises `NumericalError` where the transform has no inverse.
        """
        return self.cloud(theta, self.transform.inverse(theta, x)).log_rho

    def sample(self, theta: Tensor, n: int, generator: Generator) -> Tensor:
        """`n` independent samples of ρ_θ, shape (n, d)."""
        check_real("theta", theta, (self.transform.n_params,))
        return self.cloud(theta, self.reference.sample(n, generator, theta.dtype)).x
