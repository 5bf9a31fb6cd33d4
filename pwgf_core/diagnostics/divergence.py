"""Kullback–Leibler divergences from log-densities and samples."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..distributed import expectation
from ..errors import (
    NumericalError,
    check_function,
    check_points,
    check_positive,
    check_real,
    check_shape,
)

LogDensity = Callable[[Tensor], Tensor]


def kl(x: Tensor, log_p: LogDensity | Tensor, log_q: LogDensity) -> float:
    """KL(p ‖ q) ≈ E_p[log p − log q] on a sample x of p, shape (n, d).

    `log_p` and `log_q` map (n, d) to (n,); `log_p` may be the values at x themselves, which a
    push-forward model knows without an inverse (`cloud.log_rho`).

    Raises `ValueError` for values of another shape, `NumericalError` for values that are not
    finite, as where q vanishes at a point of x.

    >>> from torch.distributions import Normal
    >>> p, q = Normal(0.0, 1.0), Normal(1.0, 1.0)
    >>> x = torch.special.ndtri((torch.arange(1000) + 0.5) / 1000)[:, None]
    >>> round(kl(x, lambda x: p.log_prob(x)[:, 0], lambda x: q.log_prob(x)[:, 0]), 4)
    0.5
    """
    check_points("x", x)
    if not isinstance(log_p, Tensor):
        check_function("log_p", log_p)
    check_function("log_q", log_q)
    values = log_p if isinstance(log_p, Tensor) else log_p(x)
    check_real("log_p(x)", values, (len(x),))
    others = log_q(x)
    check_real("log_q(x)", others, (len(x),))
    gap = values.detach().double() - others.detach().double()
    mean = expectation(gap.sum(), len(x))
    if not bool(torch.isfinite(mean)):
        raise NumericalError(
            "KL is not finite on the sample: a log-density is infinite or NaN at a point; "
            "check that both laws have the same support"
        )
    return float(mean)


def symmetric_kl(
    x: Tensor,
    log_p: LogDensity,
    y: Tensor,
    log_q: LogDensity,
    round_trip: Callable[[Tensor], Tensor] | None = None,
    tol: float = 1e-6,
) -> float:
    """KL(p ‖ q) + KL(q ‖ p) on a sample x of p, shape (n, d), and a sample y of q, shape (k, d).

    Where `log_p` goes through the inverse of a map T, give `round_trip` = x ↦ T(T⁻¹(x)); it must
    return both samples up to `tol` (1 + |x|).

    Raises what `kl` raises, and `NumericalError` if the round trip misses.

    >>> from torch.distributions import MultivariateNormal
    >>> p, q = (MultivariateNormal(torch.full((2,), m), torch.eye(2)) for m in (0.0, 1.0))
    >>> z = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> round(symmetric_kl(z, p.log_prob, z + 1, q.log_prob), 6)
    2.0
    """
    check_positive("tol", tol)
    check_points("x", x)
    check_points("y", y, x.shape[1])
    check_function("log_p", log_p)
    if round_trip is not None:
        for name, points in (("x", x), ("y", y)):
            back = round_trip(points)
            check_shape(f"round_trip({name})", back, tuple(points.shape))
            miss = torch.linalg.vector_norm(back - points, dim=1)
            worst = float((miss / (1 + torch.linalg.vector_norm(points, dim=1))).max())
            if not worst <= tol:
                raise NumericalError(
                    f"the inverse of the map misses {name} by {worst:.3g} of its size; "
                    "solve it more tightly or use double precision"
                )
    return kl(x, log_p, log_q) + kl(y, log_q, log_p)
