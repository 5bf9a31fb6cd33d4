"""Families of scalar functions φ_k on R^d: each maps points (n, d) to values (n, K)."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from ..errors import (
    check_count,
    check_memory,
    check_points,
    check_positive,
    check_real,
    check_values,
)


class Polynomials:
    """Products of Hermite polynomials, orthonormal under N(0, I), of total degree ≤ `degree`.

    φ_α(z) = Π_i He_{α_i}(z_i) / √(α_i!), |α| ≤ degree; K = (d + degree choose d), 1 included.

    Raises `ValueError` if `dim` is no positive integer or `degree` no integer of at least 0.

    >>> Polynomials(1, 2)(torch.tensor([[2.0]]))  # 1, z, (z² − 1) / √2
    tensor([[1.0000, 2.0000, 2.1213]])
    """

    def __init__(self, dim: int, degree: int) -> None:
        check_count("dim", dim)
        check_count("degree", degree, 0)
        check_memory("degree", degree, dim * (degree + 1.0) ** min(dim, 300))
        self.dim, self.degree = dim, degree
        powers = itertools.product(range(degree + 1), repeat=dim)
        self.powers = torch.tensor(sorted((p for p in powers if sum(p) <= degree), key=sum))

    def __repr__(self) -> str:
        return f"Polynomials({self.dim}, {self.degree})"

    def __call__(self, z: Tensor) -> Tensor:
        check_points("z", z, self.dim)
        hermite = [torch.ones_like(z), z]
        for n in range(1, self.degree):
            hermite.append((z * hermite[n] - math.sqrt(n) * hermite[n - 1]) / math.sqrt(n + 1))
        table = torch.stack(hermite, 2)  # (n, d, degree + 1)
        out = torch.ones_like(z[:, :1])
        for i, column in enumerate(self.powers.to(z.device).T):
            out = out * table[:, i, column]
        return out


class Fourier:
    """1, √2 cos(2π k·z/L), √2 sin(2π k·z/L), orthonormal on a box of side L = `length`.

    k runs over the integer vectors with |k_i| ≤ `order`, k ≠ 0, one of each pair ± k:
    K = (2 order + 1)^d.

    Raises `ValueError` if `dim` or `order` is no positive integer or `length` is not positive.

    >>> Fourier(1, 1, length=6.0)(torch.tensor([[0.5]]))  # 1, √2 cos(π/6), √2 sin(π/6)
    tensor([[1.0000, 1.2247, 0.7071]])
    """

    def __init__(self, dim: int, order: int, length: float) -> None:
        check_count("dim", dim)
        check_count("order", order)
        check_positive("length", length)
        check_memory("order", order, dim * (2.0 * order + 1) ** min(dim, 300))
        self.dim, self.order, self.length = dim, order, length
        vectors = itertools.product(range(-order, order + 1), repeat=dim)
        self.vectors = torch.tensor([k for k in vectors if k > (0,) * dim])

    def __repr__(self) -> str:
        return f"Fourier({self.dim}, {self.order}, length={self.length})"

    def __call__(self, z: Tensor) -> Tensor:
        check_points("z", z, self.dim)
        phase = z @ ((2 * math.pi / self.length) * self.vectors.to(z)).T
        waves = math.sqrt(2) * torch.cat([phase.cos(), phase.sin()], 1)
        return torch.cat([torch.ones_like(z[:, :1]), waves], 1)


class Bumps:
    """Gaussian bumps exp(−|z − c_k|² / (2 `width`²)) with centres c of shape (K, d).

    Raises `ValueError` if `centres` is no matrix or `width` is not positive.

    >>> Bumps(torch.zeros(1, 2), width=1.0)(torch.tensor([[1.0, 1.0]]))
    tensor([[0.3679]])
    """

    def __init__(self, centres: Tensor, width: float) -> None:
        check_points("centres", centres)
        check_values("centres", centres)
        check_positive("width", width)
        self.centres, self.width = centres, width

    def __repr__(self) -> str:
        return f"Bumps({len(self.centres)} centres, width={self.width})"

    def __call__(self, z: Tensor) -> Tensor:
        check_points("z", z, self.centres.shape[1])
        gaps = (z[:, None] - self.centres.to(z)) / self.width
        return torch.exp(-0.5 * (gaps * gaps).sum(2))


class Ridges:
    """tanh(w_k·z + b_k), w of shape (K, d) and b of shape (K,).

    Raises `ValueError` if the shapes are others.

    >>> Ridges(torch.ones(1, 2), torch.zeros(1))(torch.tensor([[0.5, 0.5]]))
    tensor([[0.7616]])
    """

    def __init__(self, w: Tensor, b: Tensor) -> None:
        check_points("w", w)
        check_real("b", b, (len(w),))
        check_values("w", w)
        check_values("b", b)
        self.w, self.b = w, b

    def __repr__(self) -> str:
        return f"Ridges({len(self.w)} directions)"

    def __call__(self, z: Tensor) -> Tensor:
        check_points("z", z, self.w.shape[1])
        return torch.tanh(z @ self.w.to(z).T + self.b.to(z))
