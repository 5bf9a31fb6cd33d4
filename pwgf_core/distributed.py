"""The one place where a sum over samples becomes an average E_λ[·]."""

from __future__ import annotations

from torch import Tensor


def expectation(total: Tensor, count: int) -> Tensor:
    """Average of a sample: `total` (a sum over the samples) divided by their number `count`.

    Every E_λ[·] of the package goes through this function.

    >>> import torch
    >>> float(expectation(torch.tensor([1.0, 2.0, 6.0]).sum(), 3))
    3.0
    """
    return total / count
