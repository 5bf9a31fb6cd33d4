"""Eigenvalues of the relaxed metric on a sample, the small ones too."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import check_type
from ..transforms.base import Jacobian


def metric_spectrum(jacobian: Jacobian) -> Tensor:
    """Eigenvalues of Ĝ = E[JᵀJ] on the sample, largest first, shape (min(m, n d),).

    They are the squares of the singular values of J/√n: an eigenvalue is resolved down to 1e-31
    of the largest in double precision, where those of the matrix Ĝ itself are noise below 1e-15.
    The first over the last is the condition number where n d ≥ m. Memory n d m.

    >>> from pwgf_core import Affine
    >>> z = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]]).double()
    >>> T = Affine(2, "diagonal")
    >>> metric_spectrum(T.jacobian(T.init(torch.Generator()), z)).round(decimals=6)
    tensor([2.0000, 1.0000, 1.0000, 0.5000], dtype=torch.float64)
    """
    check_type("jacobian", jacobian, Jacobian)
    rows = jacobian.rows().flatten(0, 1)
    return torch.linalg.svdvals(rows).square() / jacobian.n
