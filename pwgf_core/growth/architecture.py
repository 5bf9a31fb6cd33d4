"""Where a layer can be inserted, and what becomes of θ."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import (
    check_alike,
    check_choice,
    check_points,
    check_real,
    check_type,
    check_values,
)
from ..transforms import Affine, Compose, Planar, Residual, Transform
from ..transforms.affine import AffineJacobian
from ..transforms.base import Jacobian
from ..transforms.compose import ComposeJacobian
from ..transforms.planar_jacobian import PlanarJacobian
from ..transforms.residual import ResidualJacobian

FAMILIES = ("planar", "residual")


class Insertion(NamedTuple):
    """A larger family in which every map of the old one is found again, T′_{embed(θ)} = T_θ.

    `kept` holds the places of the old parameters in the new θ, `start` the new θ with the inserted
    (w, b, u = 0), and zero at `kept`.
    """

    transform: Transform
    kept: Tensor
    start: Tensor

    def embed(self, theta: Tensor) -> Tensor:
        """θ in the larger family: (m,) → (m′,)."""
        check_real("theta", theta, (len(self.kept),))
        return self.start.to(theta).index_put((self.kept.to(theta.device),), theta)

    def embed_tangent(self, xi: Tensor) -> Tensor:
        """The same for a tangent vector ξ, which does not move the new parameters."""
        check_real("xi", xi, (len(self.kept),))
        return xi.new_zeros(len(self.start)).index_put((self.kept.to(xi.device),), xi)


def insert(transform: Transform, w: Tensor, b: Tensor, family: str = "planar") -> Insertion:
    """Insert n layers or hidden units with rows w (n, d), biases b (n,) and u = 0.

    A `Planar` flow gets them after its last layer, a `Residual` network beside its hidden units. An
    `Affine` map A becomes A ∘ planar or, with `family="residual"`, a network with tanh and the
    affine part A. In a `Compose` the part that is applied first grows.

    Raises `ValueError` for other maps, for networks with relu, for shapes that disagree, an unknown
    family, and for a network from an affine map whose matrix is not full.

    >>> inserted = insert(Affine(2), torch.eye(2), torch.zeros(2))
    >>> inserted.transform, inserted.embed(torch.ones(6)).shape
    (Compose(Affine(2, 'full'), Planar(2, 2, scale=1.0, spread=1.5)), torch.Size([16]))
    """
    check_type("transform", transform, Transform)
    check_points("w", w, transform.dim)
    check_real("b", b, (len(w),))
    check_alike("b", b, "w", w)
    check_values("w", w)
    check_values("b", b)
    check_choice("family", family, FAMILIES)
    n, d = w.shape
    if isinstance(transform, Compose):
        first = transform.n_params - transform.parts[-1].n_params
        inner = insert(transform.parts[-1], w, b, family)
        last = inner.transform
        new = last.parts if isinstance(last, Compose) else (last,)
        kept = torch.cat([torch.arange(first), first + inner.kept])
        start = torch.cat([w.new_zeros(first), inner.start])
        return Insertion(Compose(*transform.parts[:-1], *new), kept, start)
    if isinstance(transform, Affine) and family == "planar":
        planar = insert_planar(Planar(d, n), 0, w, b)
        start = torch.cat([w.new_zeros(transform.n_params), planar.start])
        kept = torch.arange(transform.n_params)
        return Insertion(Compose(transform, planar.transform), kept, start)
    if isinstance(transform, Affine) and transform.kind == "full":
        return insert_hidden(Residual(d, n), 0, w, b)
    if isinstance(transform, Planar):
        k = transform.layers
        larger = Planar(d, k + n, transform.scale, transform.spread)
        return insert_planar(larger, k, w, b)
    if isinstance(transform, Residual) and transform.smooth:
        k = transform.width
        larger = Residual(d, k + n, transform.activation, transform.scale)
        return insert_hidden(larger, k, w, b)
    raise ValueError(
        "transform must be a full Affine, Planar or Residual map with tanh, or a Compose that "
        f"applies one first, got {transform!r}"
    )


def insert_planar(larger: Planar, k: int, w: Tensor, b: Tensor) -> Insertion:
    """The layers after the first k of `larger` are new."""
    places = larger.split(torch.arange(larger.n_params))
    return _insertion(larger, [p[:k] for p in places], places[0][k:], places[2][k:], w, b)


def insert_hidden(larger: Residual, k: int, w: Tensor, b: Tensor) -> Insertion:
    """The hidden units after the first k of `larger` are new."""
    a, c, u, rows, bias = larger.split(torch.arange(larger.n_params))
    return _insertion(larger, [a, c, u[:, :k], rows[:k], bias[:k]], rows[k:], bias[k:], w, b)


def _insertion(
    larger: Transform, kept: list[Tensor], at_w: Tensor, at_b: Tensor, w: Tensor, b: Tensor
) -> Insertion:
    start = w.new_zeros(larger.n_params)
    start[at_w.reshape(-1)], start[at_b] = w.reshape(-1), b
    return Insertion(larger, torch.cat([p.reshape(-1) for p in kept]), start)


def units(jacobian: Jacobian) -> tuple[Tensor, Tensor]:
    """The points y (n, d) that an inserted layer sees, and the activations t (n, K) of the others.

    The tangent space at θ is close to the span of 1, y and t times R^d: exactly that for the u of a
    residual network, and for planar layers with u = 0.
    """
    check_type("jacobian", jacobian, Jacobian)
    if isinstance(jacobian, ComposeJacobian):
        return units(jacobian.chain[0])
    if isinstance(jacobian, PlanarJacobian):
        return jacobian.x, jacobian.t.T
    if isinstance(jacobian, ResidualJacobian):
        return jacobian.z, jacobian.t
    if isinstance(jacobian, AffineJacobian):
        return jacobian.z, jacobian.z[:, :0]
    raise ValueError(f"no layers can be inserted into {jacobian.transform!r}")
