"""One wrong call, and tensors that are wrong in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from pwgf_core import Affine, Cloud, Gaussian, PushForward


class Case(NamedTuple):
    """`call` must raise a `ValueError` that holds `name` and `given`: a value, or a limit."""

    call: Callable[[], object]
    name: str
    given: str


class Bad:
    """Tensors like the one given, each wrong in one way."""

    def __init__(self, good: Tensor) -> None:
        self.integer, self.half = good.long(), good.half()
        self.single, self.complex = good.float(), good.to(torch.complex128)
        self.elsewhere = good.to("meta")
        self.empty = good[:0]
        self.nan, self.infinite = good.clone(), good.clone()
        self.nan.view(-1)[0], self.infinite.view(-1)[-1] = torch.nan, torch.inf
        self.flat, self.deeper = good.reshape(-1), good[None]
        self.longer = torch.cat([good, good], -1)


def g(seed: int = 0) -> Generator:
    """A generator."""
    return Generator().manual_seed(seed)


any_: Any = lambda x: x  # noqa: E731 hides a type
Z = torch.randn(8, 2, generator=g(), dtype=torch.float64)
T = Affine(2)
THETA = T.init(g())
EYE, ZERO = torch.eye(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
SKEW = torch.tensor([[1.0, 0.5], [0.0, 1.0]]).double()
INDEFINITE = torch.diag(torch.tensor([1.0, -1.0])).double()
MODEL = PushForward(Gaussian(2), T)
CLOUD = Cloud(Z, torch.zeros(8).double(), torch.zeros(8, 2).double(), Z)
J = T.jacobian(THETA, Z)
BAD_Z, BAD_THETA, BAD_EYE, BAD_ZERO = Bad(Z), Bad(THETA), Bad(EYE), Bad(ZERO)
NAN, INF = float("nan"), float("inf")
