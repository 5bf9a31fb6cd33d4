"""Other methods for the same equations, as the chapter "Beside the other methods" runs them.

Langevin particles, Stein variational gradient descent and the blob method: clouds of points x,
shape (n, d). They are here to be compared with, and no part of `pwgf_core`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from pwgf_core.distributed import check_finite
from pwgf_core.errors import check_count, check_positive, check_shape

Field = Callable[[Tensor], Tensor]


def langevin(
    gradient: Field,
    x: Tensor,
    t: float,
    steps: int,
    diffusion: float,
    generator: Generator,
    tamed: bool = False,
) -> Tensor:
    """Points of dX = −∇V(X) dt + √(2D) dW at time t, by Euler–Maruyama steps of h = t/steps.

    x⁺ = x − h∇V(x) + √(2Dh) ξ with ξ ~ N(0, I); `gradient` is ∇V, (n, d) → (n, d). The tamed step
    replaces ∇V by ∇V/(1 + h|∇V|), which keeps the points finite where ∇V grows faster than |x|.

    Raises `ValueError` for a t, steps or D that are not positive, `NumericalError` if the points
    do not stay finite.

    Source: G. O. Roberts, R. L. Tweedie, Bernoulli 2, 1996; tamed: M. Hutzenthaler, A. Jentzen,
    P. E. Kloeden, Ann. Appl. Probab. 22, 2012.

    >>> x = langevin(lambda x: x, torch.zeros(20000, 1), 5.0, 50, 1.0, Generator().manual_seed(0))
    >>> round(float(x.var()), 1)  # 1/(1 − h/2), h = 0.1
    1.1
    """
    check_shape("x", x, (None, None))
    check_positive("t", t)
    check_count("steps", steps)
    check_positive("diffusion", diffusion)
    h = t / steps
    noise, x = torch.empty_like(x), x.clone()
    for _ in range(steps):
        force = gradient(x)
        if tamed:
            force = force / (1 + h * torch.linalg.vector_norm(force, dim=1, keepdim=True))
        x.sub_(force, alpha=h)
        x.add_(noise.normal_(generator=generator), alpha=math.sqrt(2 * diffusion * h))
    check_finite("x(t)", x, "take more steps, or tame them")
    return x


def _squares(x: Tensor) -> Tensor:
    """|x_i − x_j|², shape (n, n), never below 0."""
    x = x - x.mean(0)
    r2 = (x * x).sum(1)
    return (r2[:, None] + r2 - 2 * x @ x.T).clamp_(min=0).fill_diagonal_(0)


def stein_direction(score: Field, x: Tensor, bandwidth: float | None = None) -> Tensor:
    """φ(x_i) = mean over j of k(x_j, x_i) ∇log π(x_j) + ∇_{x_j} k(x_j, x_i), shape (n, d).

    k(x, y) = exp(−|x − y|²/(2s²)), s = `bandwidth`, by default the authors' rule
    s² = median |x_i − x_j|² / (2 log(n + 1)). `score` is ∇log π, (n, d) → (n, d).

    Raises `ValueError` for fewer than two points without a bandwidth, or one that is not positive.

    Source: Q. Liu, D. Wang, NeurIPS 2016.

    >>> x = torch.tensor([[2.0]])
    >>> float(stein_direction(lambda x: -x, x, 1.0))  # one point: ascent of log π
    -2.0
    """
    check_shape("x", x, (None, None))
    squares, n = _squares(x), len(x)
    if bandwidth is not None:
        check_positive("bandwidth", bandwidth)
        width = bandwidth**2
    elif n < 2:
        raise ValueError(f"the median of distances needs at least 2 points, got {n}")
    else:
        width = float(squares.median()) / (2 * math.log(n + 1))
    k = torch.exp(-squares / (2 * width))
    return (k @ score(x) + (k.sum(1, keepdim=True) * x - k @ x) / width) / n


def stein_descent(
    score: Field, x: Tensor, steps: int, rate: float, bandwidth: float | None = None
) -> Tensor:
    """Stein variational gradient descent: `steps` steps along φ, with the authors' AdaGrad.

    x⁺ = x + rate φ/(10⁻⁶ + √a), a⁺ = 0.9a + 0.1φ² entry by entry. It moves the points towards π,
    in an artificial time: there is no law ρ_t that they follow.

    Raises `ValueError` for steps or a rate that are not positive, `NumericalError` if the points do
    not stay finite.

    Source: Q. Liu, D. Wang, NeurIPS 2016, and their published code.

    >>> x = stein_descent(lambda x: 3 - x, torch.zeros(1, 1), 500, 0.05, bandwidth=1.0)
    >>> bool(abs(x - 3) < 0.1)  # one point finds the mode
    True
    """
    check_count("steps", steps)
    check_positive("rate", rate)
    average: Tensor | None = None
    for _ in range(steps):
        phi = stein_direction(score, x, bandwidth)
        square = phi * phi
        average = square if average is None else 0.9 * average + 0.1 * square
        x = x + rate * phi / (1e-6 + average.sqrt())
    check_finite("x", x, "take a smaller rate")
    return x


def stein_discrepancy(score: Field, x: Tensor, weights: Tensor | None = None) -> float:
    """The kernel Stein discrepancy of points x to π, with the kernel q = (1 + |x − y|²)^{−1/2}.

    The root of the (weighted) mean over all pairs of q s·s′ + q³(s − s′)·(x − y) + d q³ −
    3|x − y|²q⁵, where s = ∇log π(x) and s′ = ∇log π(y). It needs no sample of π and vanishes only
    for π itself.

    Source: J. Gorham, L. Mackey, Measuring sample quality with kernels, ICML 2017.

    >>> round(stein_discrepancy(lambda x: -x, torch.zeros(1, 4)), 6)  # √d at the mode
    2.0
    """
    check_shape("x", x, (None, None))
    s, r2 = score(x), _squares(x)
    q = (1 + r2).rsqrt()
    along = (s * x).sum(1)
    cross = s @ x.T
    mixed = along[:, None] + along - cross - cross.T  # (s − s′)·(x − y)
    pairs = q * (s @ s.T) + q**3 * (mixed + x.shape[1]) - 3 * r2 * q**5
    mean = pairs.mean() if weights is None else weights @ pairs @ weights
    return math.sqrt(max(0.0, float(mean)))


def _kernel(x: Tensor, weights: Tensor, epsilon: float) -> Tensor:
    """w_j φ_ε(x_i − x_j), shape (n, n), φ_ε the density of N(0, ε²I)."""
    check_shape("x", x, (None, None))
    check_shape("weights", weights, (len(x),))
    check_positive("epsilon", epsilon)
    peak = (2 * math.pi * epsilon**2) ** (-x.shape[1] / 2)
    return torch.exp(_squares(x) * (-0.5 / epsilon**2)) * (peak * weights)


def blob_energy(x: Tensor, weights: Tensor, epsilon: float, m: float = 1.0) -> Tensor:
    """F_ε = Σ_i w_i r_i^{m−1}/(m − 1), or Σ_i w_i log r_i for m = 1, r_i = Σ_j w_j φ_ε(x_i − x_j).

    The energy of the equation ∂_tρ = Δρᵐ with ρ smoothed inside, φ_ε the density of N(0, ε²I).

    Source: J. A. Carrillo, K. Craig, F. S. Patacchini, Calc. Var. 58, 2019.
    """
    r = _kernel(x, weights, epsilon).sum(1)
    inner = r.log() if m == 1 else r ** (m - 1) / (m - 1)
    return (weights * inner).sum()


def blob_velocity(x: Tensor, weights: Tensor, epsilon: float, m: float = 1.0) -> Tensor:
    """v_i = −(1/w_i) ∂F_ε/∂x_i = −Σ_j w_j ∇φ_ε(x_i − x_j) (r_i^{m−2} + r_j^{m−2}), shape (n, d).

    `weights` w (n,) sum to 1. m = 1 approximates −∇log ρ, m = 2 is −2∇ρ.

    Raises `ValueError` for weights of another shape or an ε that is not positive.

    >>> x, w = torch.tensor([[-1.0], [1.0]]), torch.tensor([0.5, 0.5])
    >>> v = blob_velocity(x, w, 1.0)[:, 0]
    >>> bool(v[1] > 0), float(v.sum())  # diffusion pushes points apart
    (True, 0.0)
    """
    k = _kernel(x, weights, epsilon)
    power = k.sum(1) ** (m - 2)
    a = k * (power[:, None] + power)
    return (a.sum(1, keepdim=True) * x - a @ x) / epsilon**2


def blob_flow(
    x: Tensor,
    weights: Tensor,
    t: float,
    steps: int,
    epsilon: float,
    m: float = 1.0,
    diffusion: float = 1.0,
    gradient: Field | None = None,
) -> Tensor:
    """Points of ẋ = −∇V(x) + D v(x), v the blob velocity, at time t: `steps` steps of RK4.

    With `gradient` = ∇V and m = 1 this is a deterministic particle method for the Fokker–Planck
    equation, without V and m > 1 for the porous-medium equation.

    Raises `ValueError` for settings out of range, `NumericalError` if the points do not stay
    finite.
    """
    check_positive("t", t)
    check_count("steps", steps)
    check_positive("diffusion", diffusion)

    def rate(y: Tensor) -> Tensor:
        v = diffusion * blob_velocity(y, weights, epsilon, m)
        return v if gradient is None else v - gradient(y)

    h = t / steps
    for _ in range(steps):
        k1 = rate(x)
        k2 = rate(x + h / 2 * k1)
        k3 = rate(x + h / 2 * k2)
        k4 = rate(x + h * k3)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    check_finite("x(t)", x, "take more steps")
    return x


def lattice(low: float, high: float, per_side: int, dim: int) -> Tensor:
    """The centres of per_sideᵈ equal cells of [low, high]ᵈ, shape (per_sideᵈ, d).

    >>> lattice(0.0, 1.0, 2, 1)[:, 0]
    tensor([0.2500, 0.7500], dtype=torch.float64)
    """
    check_positive("high - low", high - low)
    check_count("per_side", per_side)
    side = torch.linspace(low, high, 2 * per_side + 1, dtype=torch.float64)[1::2]
    return torch.cartesian_prod(*[side] * dim).reshape(-1, dim)
