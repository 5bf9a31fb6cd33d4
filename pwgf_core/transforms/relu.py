"""The two-layer ReLU map of one variable, in the form of arXiv 2402.16821."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Generator, Tensor

from ..errors import check_count, check_positive, check_real, check_type
from .base import Jacobian, Kinks, Transform
from .inverse import check_orientation


class TwoLayerReLU(Transform):
    """T_θ(z) = Σ_i a_i relu(z − b_i) + Σ_i a′_i relu(b′_i − z), d = 1, i = 1 … N.

    θ = (a, b, a′, b′), m = 4N (Zuo, Zhao, Liu, Osher, Li, arXiv 2402.16821). The slope of T_θ is
    Σ a_i [z > b_i] − Σ a′_i [z < b′_i], piecewise constant.

    `init` is the identity up to rounding: a_i = 1/N, a′_i = −1/N and b_i = b′_i equally spaced on
    ± `spread`, so that the kinks of a pair cancel, while all relu(z − b_i) and all steps [z > b_i]
    are tangent: rank 2N + 2, with 1 and z.

    ρ_θ jumps at the kinks; `score` is that of the smooth pieces, and `kinks` gives the energies
    the rest. An energy like entropy rises when a pair of opposite jumps separates, at a rate that
    does not vanish with the distance: pairs stick together, and explicit steps chatter about that
    state. With `shared` kinks b′ = b is no parameter: θ = (a, b, a′), m = 3N, the same maps as of
    pairs that stick. `init` then moves ramps only, rank N + 2.

    Raises `ValueError` if `width` N is no positive integer or `spread` is not positive,
    `NumericalError` when the map folds on the sample.

    >>> T = TwoLayerReLU(8)
    >>> theta = T.init(torch.Generator())
    >>> z = torch.tensor([[-5.0], [0.3]], dtype=theta.dtype)
    >>> torch.allclose(T(theta, z), z)
    True
    """

    dim = 1
    smooth = False

    def __init__(self, width: int, spread: float = 2.5, shared: bool = False) -> None:
        check_count("width", width)
        check_positive("spread", spread)
        check_type("shared", shared, bool)
        self.width, self.spread, self.shared = width, spread, shared
        self.n_params = (3 if shared else 4) * width

    def __repr__(self) -> str:
        shared = ", shared=True" if self.shared else ""
        return f"TwoLayerReLU({self.width}, spread={self.spread}{shared})"

    def init(
        self,
        generator: Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Nothing is drawn."""
        n = self.width
        a = torch.full((n,), 1 / n, dtype=dtype)
        b = torch.linspace(-self.spread, self.spread, n, dtype=dtype) if n > 1 else a.new_zeros(1)
        return torch.cat([a, b, -a] if self.shared else [a, b, -a, b]).to(device)

    def split(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """θ → a, b, a′, b′, each of shape (N,)."""
        a, b, a2, *own = theta.split(self.width)
        return a, b, a2, own[0] if own else b

    def __call__(self, theta: Tensor, z: Tensor) -> Tensor:
        a, b, a2, b2 = self.split(theta)
        return (torch.relu(z - b) @ a + torch.relu(b2 - z) @ a2)[:, None]

    def with_logdet(self, theta: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        a, b, a2, b2 = self.split(theta)
        slope = (z > b).to(z) @ a - (z < b2).to(z) @ a2
        return self(theta, z), slope.abs().log()

    def kinks(self, theta: Tensor) -> Kinks:
        """The kinks b_i and b′_i: K = 2N, or N where they are shared.

        Raises `NumericalError` where the map folds.
        """
        check_real("theta", theta, (self.n_params,))
        a, b, a2, b2 = self.split(theta)
        at, rise = (b, a + a2) if self.shared else (torch.cat([b, b2]), torch.cat([a, a2]))
        z, order = at.sort(stable=True)
        slopes = torch.cat([-a2.sum()[None], rise[order]]).cumsum(0)
        check_orientation(slopes.sign(), "the ReLU map")
        log_slopes = slopes.abs().log()
        return Kinks(z[:, None], log_slopes[:-1], log_slopes[1:])

    def jacobian(self, theta: Tensor, z: Tensor) -> TwoLayerReLUJacobian:
        return TwoLayerReLUJacobian(self, theta, z)


class TwoLayerReLUJacobian(Jacobian):
    """J is the matrix of ramps and steps, shape (n, 1, m)."""

    transform: TwoLayerReLU

    def __init__(self, transform: TwoLayerReLU, theta: Tensor, z: Tensor) -> None:
        super().__init__(transform, theta, z)
        a, b, a2, b2 = transform.split(theta)
        right, left = (z > b).to(z), (z < b2).to(z)
        self.slope = right @ a - left @ a2
        still = torch.zeros_like(right)
        self.steps = self._columns(right, still, -left, still)
        self.matrix = self._columns((z - b) * right, -a * right, (b2 - z) * left, a2 * left)

    def _columns(self, a: Tensor, b: Tensor, a2: Tensor, b2: Tensor) -> Tensor:
        return torch.cat([a, b + b2, a2] if self.transform.shared else [a, b, a2, b2], 1)

    @cached_property
    def logdet(self) -> Tensor:
        check_orientation(self.slope.sign(), "the ReLU map")
        return self.slope.abs().log()

    def jvp(self, dtheta: Tensor, dz: Tensor | None = None) -> Tensor:
        dx = (self.matrix @ dtheta)[:, None]
        return dx if dz is None else dx + self.slope[:, None] * dz

    def pullback(self, r: Tensor, q: Tensor | None = None) -> tuple[Tensor, Tensor]:
        by_theta = r[:, 0] @ self.matrix
        if q is not None:
            by_theta = by_theta + (q / self.slope) @ self.steps
        return by_theta, r * self.slope[:, None]

    def rows(self) -> Tensor:
        return self.matrix[:, None].clone()

    def score(self, score_z: Tensor) -> Tensor:
        _ = self.logdet
        return score_z / self.slope[:, None]
