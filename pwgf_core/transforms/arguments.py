"""What the methods of every transform and Jacobian check, a user's own among them.

The classes wrap the methods that a subclass writes; a family is then written without checks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Generator, Tensor

from ..errors import check_device, check_dtype, check_memory, check_type


def wrap(cls: type, wrappers: dict[str, Callable[..., Any]]) -> None:
    """Wrap the methods of these names that the class defines itself."""
    for name, wrapper in wrappers.items():
        if name in cls.__dict__:
            setattr(cls, name, wrapper(cls.__dict__[name]))


def _checked(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Any, theta: Tensor, z: Tensor) -> Any:
        self.check(theta, z)
        return method(self, theta, z)

    return call


def _checked_init(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @wraps(method)
    def init(
        self: Any,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        check_type("generator", generator, Generator)
        check_dtype("dtype", dtype)
        check_device("device", device)
        check_memory("the transform's parameters", self, self.n_params)
        return method(self, generator, dtype, device)

    return init


def _checked_product(*names: str) -> Callable[..., Any]:
    """For arguments of these names; all but the first may be None."""

    def wrapper(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def product(self: Any, *factors: Tensor | None, **named: Tensor | None) -> Any:
            for name, value in (*zip(names, factors, strict=False), *named.items()):
                if value is not None or name == names[0]:
                    self.check(name, value)
            return method(self, *factors, **named)

        return product

    return wrapper


MAPS = {"init": _checked_init, "__call__": _checked, "with_logdet": _checked}
PRODUCTS = {
    "jvp": _checked_product("dtheta", "dz"),
    "normal": _checked_product("dtheta", "dz"),
    "pullback": _checked_product("r", "q"),
    "vjp": _checked_product("r", "q"),
    "score": _checked_product("score_z"),
}
