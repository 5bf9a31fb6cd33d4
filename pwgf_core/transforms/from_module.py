"""Any `torch.nn.Module` as a transform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from ..errors import check_count, check_function, check_shape, check_type
from .base import Transform


class FromModule(Transform):
    """T_θ(z) = module(z), θ the module's parameters, flattened in the order of `parameters()`.

    `module` maps (n, d) to (n, d), one sample independent of the others, without randomness (no
    dropout, no batch statistics). `init` returns the module's own parameters, so it is the module
    that has to start near the identity. Parameters that need no gradient stay as they are.

    `with_logdet(module, z)`, where given, returns T_θ(z) and log|det DT_θ(z)| and takes the place
    of the call too; otherwise the determinant is that of the whole derivative, by automatic
    differentiation. Both must work under `torch.func`: of zuko's flows the coupling and the
    autoregressive ones do (NICE, RealNVP, MAF, NSF), those with their own autograd functions do
    not (CNF, NAF, SOSPF).

    >>> import zuko
    >>> flow = zuko.flows.MAF(2, transforms=2, hidden_features=[8])
    >>> T = FromModule(flow, 2, lambda flow, z: flow().transform.inv.call_and_ladj(z))
    >>> theta = T.init(torch.Generator())
    >>> [tuple(a.shape) for a in T.with_logdet(theta, torch.zeros(3, 2, dtype=theta.dtype))]
    [(3, 2), (3,)]

    Raises `ValueError` if the module has no parameters or returns another shape than (n, d).
    """

    def __init__(
        self,
        module: nn.Module,
        dim: int,
        with_logdet: Callable[[Any, Tensor], tuple[Tensor, Tensor]] | None = None,
    ) -> None:
        check_count("dim", dim)
        check_type("module", module, nn.Module)
        if with_logdet is not None:
            check_function("with_logdet", with_logdet)
        self.dim, self.module = dim, module
        self._parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
        self._sizes = [p.numel() for p in self._parameters.values()]
        self.n_params = sum(self._sizes)
        if not self.n_params:
            raise ValueError("module must have parameters that need a gradient, got none")
        self._with_logdet = with_logdet
        theta = self.init(Generator())
        x = self(theta, torch.zeros(2, dim, dtype=theta.dtype))
        check_shape("module(z)", x, (2, dim))

    def __repr__(self) -> str:
        return f"FromModule({type(self.module).__name__}, {self.dim})"

    def init(
        self,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """The module's own parameters. Nothing is drawn."""
        flat = torch.cat([p.detach().reshape(-1) for p in self._parameters.values()])
        return flat.to(device, dtype, copy=True)

    def _call(self, function: Callable[[Any, Tensor], Any], theta: Tensor, z: Tensor) -> Any:
        """function(module, z) with θ for the module's parameters."""
        parts = zip(self._parameters.items(), theta.split(self._sizes), strict=True)
        state = {n: part.reshape(p.shape) for (n, p), part in parts}
        for n, fixed in [*self.module.named_parameters(), *self.module.named_buffers()]:
            if n not in state:
                kind = theta.dtype if fixed.is_floating_point() else fixed.dtype
                state[n] = fixed.detach().to(theta.device, kind)
        call = _Call(self.module, function)
        return functional_call(call, {f"module.{n}": v for n, v in state.items()}, (z,))

    def __call__(self, theta: Tensor, z: Tensor) -> Tensor:
        if self._with_logdet is None:
            return self._call(lambda module, p: module(p), theta, z)
        return self._call(self._with_logdet, theta, z)[0]

    def with_logdet(self, theta: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        if self._with_logdet is None:
            return super().with_logdet(theta, z)
        return self._call(self._with_logdet, theta, z)


class _Call(nn.Module):
    """A function of a module, as a module: `functional_call` reaches nothing but `forward`."""

    def __init__(self, module: nn.Module, function: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.module, self.function = module, function

    def forward(self, z: Tensor) -> Any:
        return self.function(self.module, z)
