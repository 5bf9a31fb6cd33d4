"""Aggregation in the plane from a Gaussian, in closed form up to two ordinary equations."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from ..errors import (
    NumericalError,
    check_function,
    check_not_negative,
    check_points,
    check_positive,
    check_real,
    check_values,
)
from ..model import Cloud


class Aggregation2D:
    """∂_tρ = ∇·(ρ∇W*ρ), W(y) = |y|⁴/4 − |y|²/2, from N(x⁰, (b²/2) I) in the plane.

    ρ_t stays radial about x⁰. With r = |x − x⁰| and s(t) = E[r²] every point moves by
    d(r²)/dt = −2r²(r² + 2s − 1), a Bernoulli equation:

    x(t) = x⁰ + (x(0) − x⁰) e^{−A/2} / (1 + 2B r(0)²)^½, A′ = 2(2s − 1), B′ = e^{−A},

    and r(0)² is b² times a standard exponential variable, so that s is an integral over it. The
    end is the ring of radius 1/√3, F = −1/12. `initial` maps z to x(0) where λ is not ρ_0 itself.

    Raises `ValueError` for a centre of another shape or a b that is not positive.

    Source: the closed form is derived here; for steady states see J. A. Carrillo et al., 2014.

    >>> flow = Aggregation2D()
    >>> round(flow.mean_radius(20.0) * 3**0.5, 4), round(12 * flow.energy(20.0), 6)
    (1.0, -1.0)
    """

    def __init__(
        self,
        centre: Tensor | None = None,
        b: float = 0.6,
        initial: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        centre = torch.tensor([1.25, 1.25]) if centre is None else centre
        check_real("centre", centre, (2,))
        check_values("centre", centre)
        check_positive("b", b)
        self.centre, self.b = centre.double().cpu(), b
        if initial is not None:
            check_function("initial", initial)
        self.initial = initial or (lambda z: z)
        # E[f(X)] of an exponential X = eʷ by the trapezoidal rule in w: analytic in a strip and
        # vanishing at both ends, hence exact to round-off, for f with a layer at 0, too.
        w = np.arange(-45.0, 4.25, 0.25)
        self._start = b * b * np.exp(w)
        self._weight = 0.25 * np.exp(w - np.exp(w))

    def _squares(self, a: float, b: float) -> np.ndarray:
        """r² at the nodes."""
        return math.exp(-a) * self._start / (1 + 2 * b * self._start)

    def _solve(self, t: float) -> tuple[float, float]:
        """A(t) and B(t)."""
        check_not_negative("t", t)

        def rate(_: float, y: np.ndarray) -> list[float]:
            s = float(self._weight @ self._squares(y[0], y[1]))
            return [2 * (2 * s - 1), math.exp(-y[0])]

        result = solve_ivp(rate, (0, t), [0.0, 0.0], method="DOP853", rtol=1e-12, atol=1e-14)
        if not result.success:
            raise NumericalError(f"the moment equations failed: {result.message}")
        return float(result.y[0, -1]), float(result.y[1, -1])

    def map(self, z: Tensor, t: float) -> Tensor:
        """x(t) at the points z of λ, shape (n, 2), in double precision on the CPU."""
        check_points("z", z, 2)
        a, b = self._solve(t)
        y = self.initial(z.double().cpu()) - self.centre
        shrink = math.exp(-a / 2) / torch.sqrt(1 + 2 * b * (y * y).sum(1, keepdim=True))
        return self.centre + shrink * y

    def mean_radius(self, t: float) -> float:
        """E|x(t) − x⁰|."""
        return float(self._weight @ np.sqrt(self._squares(*self._solve(t))))

    def energy(self, t: float) -> float:
        """F(ρ_t) = ½∬W(x − y)ρρ = E[r⁴]/4 + s²/2 − s/2."""
        squares = self._squares(*self._solve(t))
        s = float(self._weight @ squares)
        return float(self._weight @ squares**2) / 4 + s * s / 2 - s / 2

    def errors(self, cloud: Cloud, t: float) -> dict[str, float]:
        """Errors of a cloud that knows its z.

        `map_l2`, the L²(λ) distance of its map to the exact flow of the same z, is at least W2;
        `mean_radius` is E|x − x⁰| itself and `mean_radius_error` its distance to the exact one.
        """
        x = cloud.x.double().cpu()
        miss = (x - self.map(cloud.z, t)).square().sum(1)
        radius = float(torch.linalg.vector_norm(x - self.centre, dim=1).mean())
        return {
            "map_l2": math.sqrt(float(miss.mean())),
            "mean_radius": radius,
            "mean_radius_error": abs(radius - self.mean_radius(t)),
        }
