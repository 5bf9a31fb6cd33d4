"""Jacobians at so many samples that not everything about them is kept at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

from .base import Jacobian, Transform

MEMORY = 2**27  # numbers kept for products: 1 GiB in double precision, half of it in single
CHUNK = 2**23  # numbers in work at a time


def freeze(transform: Transform, theta: Tensor, z: Tensor) -> Jacobian:
    """The transform's own Jacobian at (θ, z), or one in chunks where that would keep too much.

    The rule: with c = `transform.footprint` numbers kept for a sample, n samples are frozen at
    once if n c ≤ `MEMORY`, and else in chunks of `CHUNK` / c samples.

    >>> from pwgf_core import Planar
    >>> T = Planar(30, 60)
    >>> theta = T.init(torch.Generator().manual_seed(0), torch.float32)
    >>> type(freeze(T, theta, torch.zeros(1000, 30))).__name__
    'PlanarJacobian'
    """
    if len(z) * transform.footprint <= MEMORY:
        return transform.jacobian(theta, z)
    return ChunkedJacobian(transform, theta, z)


class ChunkedJacobian(Jacobian):
    """The same operator, one chunk of samples after the other.

    The first chunks are kept between products, as many as fit into `MEMORY` numbers; the others
    are frozen anew for each product. Whatever n is, memory is that, some arrays of shape (n, d),
    and one chunk.
    """

    def __init__(self, transform: Transform, theta: Tensor, z: Tensor) -> None:
        super().__init__(transform, theta, z)
        self.size = max(1, CHUNK // transform.footprint)
        self.most = max(0, MEMORY // (self.size * transform.footprint) - 1)
        self.kept: list[Jacobian] = []

    def _parts(self) -> Iterator[tuple[slice, Jacobian]]:
        """Chunks for products, the first ones kept."""
        for i, start in enumerate(range(0, self.n, self.size)):
            part = slice(start, min(start + self.size, self.n))
            if i < len(self.kept):
                yield part, self.kept[i]
                continue
            jacobian = self.transform.jacobian(self.theta, self.z[part])
            if i < self.most:
                self.kept.append(jacobian)
            yield part, jacobian

    def _fresh(self) -> Iterator[tuple[slice, Jacobian]]:
        """Chunks for what is asked for once: nothing that they work out is kept."""
        for start in range(0, self.n, self.size):
            part = slice(start, min(start + self.size, self.n))
            yield part, self.transform.jacobian(self.theta, self.z[part])

    @cached_property
    def x(self) -> Tensor:
        x = torch.empty_like(self.z)
        for part, jacobian in self._fresh():
            x[part] = jacobian.x
        return x

    @cached_property
    def logdet(self) -> Tensor:
        return torch.cat([jacobian.logdet for _, jacobian in self._fresh()])

    def jvp(self, dtheta: Tensor, dz: Tensor | None = None) -> Tensor:
        dx = torch.empty_like(self.z)
        for part, jacobian in self._parts():
            dx[part] = jacobian.jvp(dtheta, None if dz is None else dz[part])
        return dx

    def pullback(self, r: Tensor, q: Tensor | None = None) -> tuple[Tensor, Tensor]:
        by_theta, by_z = torch.zeros_like(self.theta), torch.empty_like(self.z)
        for part, jacobian in self._parts():
            grad, by_z[part] = jacobian.pullback(r[part], None if q is None else q[part])
            by_theta += grad
        return by_theta, by_z

    def vjp(self, r: Tensor, q: Tensor | None = None) -> Tensor:
        by_theta = torch.zeros_like(self.theta)
        for part, jacobian in self._parts():
            by_theta += jacobian.vjp(r[part], None if q is None else q[part])
        return by_theta

    def normal(self, dtheta: Tensor, dz: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        by_theta = torch.zeros_like(self.theta)
        by_z = None if dz is None else torch.empty_like(self.z)
        for part, jacobian in self._parts():
            grad, r = jacobian.normal(dtheta, None if dz is None else dz[part])
            by_theta += grad
            if by_z is not None and r is not None:
                by_z[part] = r
        return by_theta, by_z

    def rows(self) -> Tensor:
        return torch.cat([jacobian.rows() for _, jacobian in self._fresh()])

    def score(self, score_z: Tensor) -> Tensor:
        score = torch.empty_like(self.z)
        for part, jacobian in self._fresh():
            score[part] = jacobian.score(score_z[part])
        return score
