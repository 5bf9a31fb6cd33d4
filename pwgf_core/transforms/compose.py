"""Composition of transforms."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Generator, Tensor

from ..errors import check_type
from .base import Jacobian, Transform


class Compose(Transform):
    """T = T_1 ∘ T_2 ∘ … : the last one named is applied first, as in the formula.

    θ holds the parameters in the order of the names.

    Raises `ValueError` without transforms or if their dimensions differ.

    >>> from pwgf_core.transforms import Affine, Planar
    >>> T = Compose(Affine(2), Planar(2, 4))
    >>> T.n_params
    26
    """

    def __init__(self, *parts: Transform) -> None:
        if not parts:
            raise ValueError("a composition needs at least one transform, got none")
        for k, part in enumerate(parts):
            check_type(f"parts[{k}]", part, Transform)
        dims = [p.dim for p in parts]
        if len(set(dims)) > 1:
            raise ValueError(f"the transforms must have one dimension, got {dims}")
        self.parts = parts
        self.dim = dims[0]
        self.smooth = all(p.smooth for p in parts)
        self.n_params = sum(p.n_params for p in parts)

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.parts))})"

    def init(
        self,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        return torch.cat([p.init(generator, dtype, device) for p in self.parts])

    @property
    def footprint(self) -> int:
        return sum(p.footprint for p in self.parts)

    def split(self, theta: Tensor) -> tuple[Tensor, ...]:
        """θ → the parameters of each part."""
        return theta.split([p.n_params for p in self.parts])

    def __call__(self, theta: Tensor, z: Tensor) -> Tensor:
        for part, p in zip(reversed(self.parts), reversed(self.split(theta)), strict=True):
            z = part(p, z)
        return z

    def with_logdet(self, theta: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        logdet = torch.zeros_like(z[:, 0])
        for part, p in zip(reversed(self.parts), reversed(self.split(theta)), strict=True):
            z, term = part.with_logdet(p, z)
            logdet = logdet + term
        return z, logdet

    def inverse(self, theta: Tensor, x: Tensor) -> Tensor:
        """z = … T_2⁻¹(T_1⁻¹(x)), by the parts' own inverses."""
        self.check(theta, x, "x")
        for part, p in zip(self.parts, self.split(theta), strict=True):
            x = part.inverse(p, x)
        return x

    def jacobian(self, theta: Tensor, z: Tensor) -> ComposeJacobian:
        return ComposeJacobian(self, theta, z)


class ComposeJacobian(Jacobian):
    """The chain rule over the parts' own Jacobians, each frozen at the points that reach it."""

    transform: Compose

    def __init__(self, transform: Compose, theta: Tensor, z: Tensor) -> None:
        super().__init__(transform, theta, z)
        chain: list[Jacobian] = []  # in the order of application
        for part, p in zip(
            reversed(transform.parts), reversed(transform.split(theta)), strict=True
        ):
            chain.append(part.jacobian(p, chain[-1].x if chain else z))
        self.chain = chain

    @cached_property
    def x(self) -> Tensor:
        return self.chain[-1].x

    @cached_property
    def logdet(self) -> Tensor:
        return torch.stack([j.logdet for j in self.chain]).sum(0)

    def jvp(self, dtheta: Tensor, dz: Tensor | None = None) -> Tensor:
        for j, p in zip(self.chain, reversed(self.transform.split(dtheta)), strict=True):
            dz = j.jvp(p, dz)
        assert dz is not None
        return dz

    def normal(self, dtheta: Tensor, dz: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        *before, last = self.chain
        head, *rest = self.transform.split(dtheta)
        start = dz
        for j, p in zip(before, reversed(rest), strict=True):
            dz = j.jvp(p, dz)
        grad, r = last.normal(head, dz)
        grads = [grad]
        for j in reversed(before):
            assert r is not None
            wanted = j is not self.chain[0] or start is not None
            grad, r = j.pullback(r) if wanted else (j.vjp(r), None)
            grads.append(grad)
        return torch.cat(grads), r

    def pullback(self, r: Tensor, q: Tensor | None = None) -> tuple[Tensor, Tensor]:
        grads = []
        for j in reversed(self.chain):
            grad, r = j.pullback(r, q)
            grads.append(grad)
        return torch.cat(grads), r

    def vjp(self, r: Tensor, q: Tensor | None = None) -> Tensor:
        grads = []
        for j in reversed(self.chain[1:]):
            grad, r = j.pullback(r, q)
            grads.append(grad)
        return torch.cat([*grads, self.chain[0].vjp(r, q)])  # nobody asks for the cotangent of z

    def score(self, score_z: Tensor) -> Tensor:
        for j in self.chain:
            score_z = j.score(score_z)
        return score_z
