"""The same product with Ĝ by other libraries: each peer maps (transform, θ, z) to v ↦ Ĝ v."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import jvp, vjp

from pwgf_core import Planar, RelaxedMetric, Transform

Product = Callable[[Tensor], Tensor]
Peer = Callable[[Any, Tensor, Tensor], Product]


def ours(transform: Transform, theta: Tensor, z: Tensor) -> Product:
    """Frozen at (θ, z): the set-up is paid once, as in a MINRES solve."""
    metric = RelaxedMetric(transform.jacobian(theta, z))
    v = torch.zeros_like(theta)
    metric.matvec(v)  # fills the cached factors
    return metric.matvec


def torch_func(transform: Transform, theta: Tensor, z: Tensor) -> Product:
    """A fresh jvp and vjp through the map, for each product."""

    def push(p: Tensor) -> Tensor:
        return transform(p, z)

    def product(v: Tensor) -> Tensor:
        dx = jvp(push, (theta,), (v,))[1]
        return vjp(push, theta)[1](dx)[0] / len(z)

    return product


class PlanarModule(torch.nn.Module):
    """The same flow as an ordinary module, layer by layer."""

    def __init__(self, transform: Planar, theta: Tensor) -> None:
        super().__init__()
        w, u, b = transform.split(theta)
        self.w, self.u, self.b = (torch.nn.Parameter(p.clone()) for p in (w, u, b))

    def forward(self, x: Tensor) -> Tensor:
        for w, u, b in zip(self.w, self.u, self.b, strict=True):
            x = x + torch.tanh(x @ w + b)[:, None] * u
        return x


def curvlinops(transform: Planar, theta: Tensor, z: Tensor) -> Product:
    """The Gauss–Newton operator of ½ d · mean squared error, whose Hessian is the identity / N."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it imports torch.jit.script
        from curvlinops import GGNLinearOperator  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    module = PlanarModule(transform, theta)
    operator = GGNLinearOperator(
        module,
        torch.nn.MSELoss(),
        list(module.parameters()),
        [(z, torch.zeros_like(z))],
        check_deterministic=False,
    )
    factor = transform.dim / 2

    def product(v: Tensor) -> Tensor:
        result = operator @ v
        assert isinstance(result, Tensor)
        return factor * result

    return product


def _jax_push(transform: Planar, theta: Tensor, z: Tensor) -> tuple[Any, Any, Any]:
    """The module jax, θ, and θ ↦ T_θ(z) as a scan over the layers, on the processor."""
    import jax  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", theta.dtype == torch.float64)
    k, d = transform.layers, transform.dim
    points = jax.numpy.asarray(z.numpy())

    def layer(x: Any, part: Any) -> tuple[Any, None]:
        w, u, b = part
        return x + jax.numpy.tanh(x @ w + b)[:, None] * u, None

    def push(p: Any) -> Any:
        w, u = p[: k * d].reshape(k, d), p[k * d : 2 * k * d].reshape(k, d)
        return jax.lax.scan(layer, points, (w, u, p[2 * k * d :]))[0]

    return jax, jax.numpy.asarray(theta.numpy()), push


def _from_jax(product: Any) -> Product:
    return lambda v: torch.from_numpy(np.array(product(v.numpy())))


def jax_fresh(transform: Planar, theta: Tensor, z: Tensor) -> Product:
    """jvp and vjp at θ for each product, compiled together."""
    jax, at, push = _jax_push(transform, theta, z)

    def product(p: Any, v: Any) -> Any:
        dx = jax.jvp(push, (p,), (v,))[1]
        return jax.vjp(push, p)[1](dx)[0] / len(z)

    compiled = jax.jit(product)
    return _from_jax(lambda v: compiled(at, v))


def jax_retained(transform: Planar, theta: Tensor, z: Tensor) -> Product:
    """The linearisation and its transpose, kept between products, compiled together."""
    jax, at, push = _jax_push(transform, theta, z)
    linear = jax.linearize(push, at)[1]
    transpose = jax.linear_transpose(linear, at)
    return _from_jax(jax.jit(lambda v: transpose(linear(v))[0] / len(z)))


PEERS: dict[str, Peer] = {
    "torch_func": torch_func,
    "curvlinops": curvlinops,
    "jax_jvp_vjp": jax_fresh,
    "jax_linearize": jax_retained,
}
