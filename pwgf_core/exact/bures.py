"""The Wasserstein geometry of Gaussians N(m, C), in closed form and double precision.

Sources: A. Takatsu, Wasserstein geometry of Gaussian measures, Osaka J. Math. 48, 2011; R. Bhatia,
T. Jain, Y. Lim, On the Bures–Wasserstein distance between positive definite matrices, Expositiones
Mathematicae 37, 2019.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..diagnostics.gaussian import psd_sqrt
from ..errors import (
    check_count,
    check_covariance,
    check_function,
    check_number,
    check_real,
    check_symmetric,
    check_values,
)

GaussianPath = Callable[[Tensor], tuple[Tensor, Tensor]]


def lyapunov(c: Tensor, s: Tensor) -> Tensor:
    """The only Q with QC + CQ = S, for C (d, d) symmetric positive definite and any S (d, d).

    In an eigenbasis of C with eigenvalues c_i it is S_ij/(c_i + c_j); symmetric where S is.

    Raises `ValueError` if the shapes disagree or C is not symmetric positive definite.

    >>> lyapunov(torch.diag(torch.tensor([1.0, 3.0])), torch.ones(2, 2))[0]
    tensor([0.5000, 0.2500], dtype=torch.float64)
    """
    check_covariance("c", c)
    check_real("s", s, tuple(c.shape))
    check_values("s", s)
    c = c.double()
    values, vectors = torch.linalg.eigh(c)
    rotated = vectors.T @ s.double() @ vectors
    return vectors @ (rotated / (values[:, None] + values)) @ vectors.T


def gradient_part(m: Tensor, c: Tensor) -> Tensor:
    """Q for which y ↦ Qy is the gradient field nearest to y ↦ My in L²(N(0, C)).

    Q is symmetric and QC + CQ = MC + CMᵀ; all matrices have shape (d, d).

    Raises what `lyapunov` raises.

    >>> rotation = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    >>> gradient_part(rotation, torch.eye(2)).abs().max()  # moves no mass
    tensor(0., dtype=torch.float64)
    """
    check_covariance("c", c)
    check_real("m", m, tuple(c.shape))
    moved = m.double() @ c.double()
    return lyapunov(c, moved + moved.T)


def gaussian_metric(c: Tensor, dm: Tensor, dc: Tensor) -> float:
    """g^W(s, s) at N(m, C) for the tangent s with which the mean moves by dm, the covariance by dC.

    |dm|² + tr QCQ with QC + CQ = dC. Shapes (d, d), (d,), (d, d).

    Raises `ValueError` if the shapes disagree, dC is not symmetric, or C not positive definite.

    >>> gaussian_metric(torch.eye(1), torch.ones(1), torch.ones(1, 1))  # 1 + 1/4
    1.25
    """
    check_covariance("c", c)
    check_real("dm", dm, (len(c),))
    check_symmetric("dc", dc, len(c))
    q = lyapunov(c, dc)
    return float(dm.double().square().sum() + torch.trace(q @ c.double() @ q))


def optimal_matrix(c0: Tensor, c1: Tensor) -> Tensor:
    """The symmetric positive definite A with A C0 A = C1: x ↦ m1 + A(x − m0) is optimal.

    A = C0^{−½} (C0^½ C1 C0^½)^½ C0^{−½}, shape (d, d).

    Raises `ValueError` if the shapes disagree or C0 or C1 is not symmetric positive definite.

    >>> optimal_matrix(4 * torch.eye(1), torch.eye(1))
    tensor([[0.5000]], dtype=torch.float64)
    """
    check_covariance("c0", c0)
    check_covariance("c1", c1, len(c0))
    c0, c1 = c0.double(), c1.double()
    root = psd_sqrt(c0)
    middle = torch.linalg.solve(root, psd_sqrt(root @ c1 @ root))
    a = torch.linalg.solve(root, middle.T)
    return (a + a.T) / 2


def gaussian_geodesic(
    t: float | Tensor, m0: Tensor, c0: Tensor, m1: Tensor, c1: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) at time t of McCann's interpolation of N(m0, C0), N(m1, C1).

    m_t = (1 − t) m0 + t m1 and C_t = A_t C0 A_t with A_t = (1 − t) I + t A, A C0 A = C1.

    Raises what `optimal_matrix` raises, and `ValueError` for means of another shape.

    >>> zero, one = torch.zeros(1), torch.eye(1)
    >>> gaussian_geodesic(0.5, zero, one, zero, 9 * one)[1]  # standard deviation 2
    tensor([[4.]], dtype=torch.float64)
    """
    a = optimal_matrix(c0, c1)
    for name, m in (("m0", m0), ("m1", m1)):
        check_real(name, m, (len(a),))
        check_values(name, m)
    check_number("t", t)
    at = (1 - t) * torch.eye(len(a), dtype=a.dtype) + t * a
    return (1 - t) * m0.double() + t * m1.double(), at @ c0.double() @ at


def gaussian_speed(path: GaussianPath, t: float) -> float:
    """√g^W(∂_tρ_t, ∂_tρ_t), the speed at time t of a path of Gaussians t ↦ (m_t, C_t).

    `path` takes t as a tensor without dimensions, in double precision, and is differentiable.

    Raises what `gaussian_metric` raises.

    >>> gaussian_speed(lambda t: (3 * t * torch.ones(1), torch.eye(1)), 0.5)
    3.0
    """
    check_function("path", path)
    check_number("t", t)
    at = torch.tensor(t, dtype=torch.float64)
    point, tangent = torch.func.jvp(path, (at,), (torch.ones_like(at),))[:2]
    return math.sqrt(gaussian_metric(point[1], *tangent))


def gaussian_action(path: GaussianPath, nodes: int = 24) -> float:
    """Benamou and Brenier's action of a path of Gaussians, ∫₀¹ speed(t)² dt with `gaussian_speed`.

    By Gauss's rule with `nodes` points, exact to rounding for a smooth path that stays away from
    singular covariances.

    Raises what `gaussian_metric` raises.

    >>> round(gaussian_action(lambda t: (t * torch.ones(1), torch.eye(1))), 12)
    1.0
    """
    check_count("nodes", nodes)
    check_function("path", path)
    points, weights = np.polynomial.legendre.leggauss(nodes)
    times = (1 + points) / 2
    squares = [gaussian_speed(path, float(t)) ** 2 for t in times]
    return float(weights @ squares) / 2
