"""How well a tangent space carries a velocity: δ̂, δ and δ̂_P on one sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..distributed import expectation
from ..errors import check_alike, check_function, check_positive, check_real, check_type
from ..transforms.base import Jacobian

Projection = Callable[[Tensor], Tensor]


class Misfits(NamedTuple):
    """δ ≤ δ̂_P ≤ δ̂ and the minimiser ξ̂ of δ̂. Without a projection δ and δ̂_P are None.

    `relaxed` δ̂ = min_ξ E|Jξ − v|², `exact` δ = min_ξ E|P(Jξ) − v|², and
    `projected` δ̂_P = E|P(Jξ̂) − v|², what moves the density of the relaxed flow.
    """

    relaxed: float
    exact: float | None
    projected: float | None
    xi: Tensor


def misfit(jacobian: Jacobian, v: Tensor, xi: Tensor, project: Projection | None = None) -> float:
    """E|P(Jξ) − v|² of a given ξ, shape (m,), for a field v at the points, shape (n, d).

    `project` maps a field (n, d) to its part P in the gradient fields; without it P = I.
    """
    check_type("jacobian", jacobian, Jacobian)
    check_real("v", v, tuple(jacobian.x.shape))
    check_real("xi", xi, tuple(jacobian.theta.shape))
    field = jacobian.jvp(xi)
    if project is not None:
        field = project(field)
    return float(expectation((field - v).double().square().sum(), len(v)))


def misfits(
    jacobian: Jacobian, v: Tensor, project: Projection | None = None, cut: float = 1e-8
) -> Misfits:
    """δ̂, δ and δ̂_P of a velocity field v at the points of the Jacobian, shape (n, d).

    Least squares with the rows of J, leaving out directions of E[JᵀJ] whose eigenvalue is below
    `cut` times the largest; memory n d m. `project` is the L² projection on a space of gradient
    fields that holds v, linear (n, d) → (n, d), on the same points. Then δ ≤ δ̂_P ≤ δ̂ on the
    sample up to `cut`; on other points, or with too many features for the sample, it need not be.

    Raises `ValueError` for a v of another shape or a cut that is not positive.

    >>> from pwgf_core import Affine
    >>> z = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> T = Affine(2, "translation")
    >>> found = misfits(T.jacobian(torch.zeros(2), z), z + 3)
    >>> round(found.relaxed, 6), found.xi  # E|z|²: only the mean of v is met
    (1.0, tensor([3.0000, 3.0000]))
    """
    check_type("jacobian", jacobian, Jacobian)
    check_real("v", v, tuple(jacobian.x.shape))
    check_alike("v", v, "z", jacobian.z)
    check_positive("cut", cut)
    if project is not None:
        check_function("project", project)
    n, d = v.shape
    rows = jacobian.rows()
    xi = _least_squares(rows.reshape(n * d, -1), v.reshape(-1), cut)
    relaxed = misfit(jacobian, v, xi)
    if project is None:
        return Misfits(relaxed, None, None, xi)
    columns = [project(column) for column in rows.unbind(2)]
    projected = torch.stack(columns, 2)
    best = _least_squares(projected.reshape(n * d, -1), v.reshape(-1), cut)
    exact = float(expectation((projected @ best - v).double().square().sum(), n))
    return Misfits(relaxed, exact, misfit(jacobian, v, xi, project), xi)


def _least_squares(a: Tensor, b: Tensor, cut: float) -> Tensor:
    # The factor R of QR keeps the condition number of A, which AᵀA would square.
    q, r = torch.linalg.qr(a)
    return torch.linalg.pinv(r, rtol=cut**0.5) @ (q.T @ b)
