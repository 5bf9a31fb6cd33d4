"""A first θ for initial data ρ_0 that are not the reference measure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Generator, Tensor

from .distributed import expectation
from .errors import (
    NumericalError,
    check_count,
    check_function,
    check_points,
    check_positive,
    check_real,
    check_shape,
    check_type,
    check_values,
)
from .linalg import minres
from .metrics import RelaxedMetric, largest_eigenvalue
from .model import PushForward
from .transforms.base import Jacobian
from .transforms.inverse import newton_inverse

W2_SAMPLES = 1000
MEMORY, HALVINGS = 20, 30
WARM = 8  # Newton steps from the last inverse; where they do not do, the step in θ is too long
DAMPING = (1e-10, 1e8)  # relative to the largest eigenvalue of the metric


@dataclass(frozen=True)
class InitialFit:
    """θ fitted to ρ_0 and the measured E0, the distance that the error bounds start from.

    `kind` says what `e0` is: `map_bound`, √E|T_θ − T_0|² ≥ W2(ρ_θ, ρ_0) on a fresh sample; or
    `sample_w2`, W2 between 1000 (or all) samples of ρ_0 and as many of ρ_θ. The latter is too large
    by up to about `floor`, the same distance between two samples of ρ_θ; for a map `floor` is 0.
    `converged` is false if the fit was cut off.
    """

    theta: Tensor
    e0: float
    kind: str
    floor: float
    converged: bool
    iterations: int


# Loss, its Jacobian, and minus its gradient, at θ.
Objective = Callable[[Tensor], tuple[float, Jacobian, Tensor]]


def fit_initial(
    model: PushForward,
    theta: Tensor,
    target: Callable[[Tensor], Tensor] | Tensor,
    generator: Generator,
    samples: int = 2048,
    tol: float = 1e-7,
    max_iterations: int = 200,
) -> InitialFit:
    """Fit ρ_θ to ρ_0 from a first θ, by a map T_0 with T_0# λ = ρ_0 or by samples of ρ_0.

    A map `target`, (n, d) → (n, d), is fitted by least squares, ½ E|T_θ − T_0|² on `samples`
    points of λ; best is the optimal map. Samples `target` (n, d) are fitted by maximum likelihood,
    −E log ρ_θ(x) through the inverse, with the exact gradient E[Jᵀs + ∇_θ log|det DT|], s the
    score. The map takes damped steps (Ĝ + μ I) ξ = −∇, those of Levenberg and Marquardt, the
    likelihood those of L-BFGS. They end when the expected gain of a step is below `tol`, relative
    to the variance of T_0, or in nats.

    Raises `ValueError` for wrong shapes and settings, `NumericalError` if the loss is not finite
    at the first θ.

    >>> from pwgf_core import Affine, Gaussian
    >>> model = PushForward(Gaussian(2), Affine(2))
    >>> first = model.transform.init(Generator())
    >>> fit = fit_initial(model, first, lambda z: 3 * z + 1, Generator().manual_seed(0))
    >>> fit.theta.round(decimals=6).tolist(), fit.e0 < 1e-6
    ([3.0, 0.0, 0.0, 3.0, 1.0, 1.0], True)
    """
    check_type("model", model, PushForward)
    check_real("theta", theta, (model.transform.n_params,))
    check_values("theta", theta)
    check_type("generator", generator, Generator)
    check_count("samples", samples)
    check_positive("tol", tol)
    check_count("max_iterations", max_iterations)
    if isinstance(target, Tensor):
        check_points("target", target, model.dim)
        check_values("target", target)
        x = target.to(theta)
        theta, converged, k = _quasi_newton(_likelihood(model, x), theta, tol, max_iterations)
        e0, floor = _sample_w2(model, theta, x, generator)
        return InitialFit(theta, e0, "sample_w2", floor, converged, k)

    check_function("target", target)

    def draw() -> tuple[Tensor, Tensor]:
        reference = model.reference
        z = reference.draw(samples, generator, theta.dtype, reference.samplings[-1])
        x = target(z)
        check_shape("target(z)", x, tuple(z.shape))
        return z, x

    z, x = draw()
    variance = float(expectation((x - x.mean(0)).square().sum(), len(x)))
    gain = tol * max(variance, torch.finfo(x.dtype).tiny)
    theta, converged, k = _gauss_newton(_least_squares(model, z, x), theta, gain, max_iterations)
    z, x = draw()
    gap = model.cloud(theta, z).x - x
    e0 = math.sqrt(float(expectation(gap.square().sum(), len(gap))))
    return InitialFit(theta, e0, "map_bound", 0.0, converged, k)


def _least_squares(model: PushForward, z: Tensor, x: Tensor) -> Objective:
    def objective(theta: Tensor) -> tuple[float, Jacobian, Tensor]:
        jacobian = model.transform.jacobian(theta, z)
        gap = x - jacobian.x
        loss = float(expectation(0.5 * gap.square().sum(), len(z)))
        return loss, jacobian, expectation(jacobian.vjp(gap), len(z))

    return objective


def _likelihood(model: PushForward, x: Tensor) -> Objective:
    z: Tensor | None = None  # of the last θ

    def objective(theta: Tensor) -> tuple[float, Jacobian, Tensor]:
        nonlocal z
        inverse = model.transform.inverse
        z = inverse(theta, x) if z is None else newton_inverse(model.transform, theta, x, z, WARM)
        cloud, jacobian = model.linearize(theta, z)
        loss = -float(expectation(cloud.log_rho.sum(), len(x)))
        uphill = -jacobian.vjp(cloud.score, torch.ones_like(cloud.log_rho))
        return loss, jacobian, expectation(uphill, len(x))

    return objective


def _check_first(loss: float) -> None:
    """Raise `NumericalError` unless the loss at the first θ is finite."""
    if not math.isfinite(loss):
        raise NumericalError(f"the loss at the first theta is {loss}; start from another theta")


def _gauss_newton(
    objective: Objective, theta: Tensor, gain: float, max_iterations: int
) -> tuple[Tensor, bool, int]:
    """θ after damped steps, whether the expected gain fell below `gain`, and their number."""
    loss, jacobian, downhill = objective(theta)
    _check_first(loss)
    damping = 1e-3
    for k in range(max_iterations):
        metric = RelaxedMetric(jacobian)
        shift = damping * largest_eigenvalue(metric.matvec, downhill)
        if not shift > 0:
            return theta, True, k  # the gradient is zero
        step = minres(metric.shifted(shift).matvec, downhill, tol=1e-2, max_iterations=100).x
        if float(downhill @ step) <= gain:
            return theta, True, k
        trial = _attempt(objective, theta + step)
        if trial is not None and trial[0] < loss:
            theta, damping = theta + step, max(damping / 4, DAMPING[0])
            loss, jacobian, downhill = trial
        else:
            damping *= 4
            if damping > DAMPING[1]:
                return theta, False, k
    return theta, False, max_iterations


def _quasi_newton(
    objective: Objective, theta: Tensor, gain: float, max_iterations: int
) -> tuple[Tensor, bool, int]:
    """The same by L-BFGS; a step is halved until the loss falls enough (Armijo)."""
    loss, _, downhill = objective(theta)
    _check_first(loss)
    pairs: deque[tuple[Tensor, Tensor]] = deque(maxlen=MEMORY)  # of changes of θ and gradient
    for k in range(max_iterations):
        step, weights = downhill, []
        for s, y in reversed(pairs):
            weights.append((s @ step) / (s @ y))
            step = step - weights[-1] * y
        if pairs:
            s, y = pairs[-1]
            step = step * (s @ y) / (y @ y)
        else:
            step = step / step.norm().clamp(min=1)
        for (s, y), weight in zip(pairs, reversed(weights), strict=True):
            step = step + (weight - (y @ step) / (s @ y)) * s
        expected = float(downhill @ step)
        if expected <= gain:
            return theta, True, k
        for halvings in range(HALVINGS):
            change = step / 2**halvings
            trial = _attempt(objective, theta + change)
            if trial is not None and trial[0] <= loss - 1e-4 * expected / 2**halvings:
                break
        else:
            return theta, False, k
        assert trial is not None
        y = downhill - trial[2]
        if float(change @ y) > 1e-10 * float(change.norm() * y.norm()):
            pairs.append((change, y))
        theta, (loss, _, downhill) = theta + change, trial
    return theta, False, max_iterations


def _attempt(objective: Objective, theta: Tensor) -> tuple[float, Jacobian, Tensor] | None:
    """The objective, or None where the map is no longer invertible: a step too long."""
    try:
        return objective(theta)
    except NumericalError:
        return None


def _sample_w2(
    model: PushForward, theta: Tensor, x: Tensor, generator: Generator
) -> tuple[float, float]:
    """W2 between samples of ρ_0 and ρ_θ, and between two of ρ_θ, by optimal assignment."""
    n = min(len(x), W2_SAMPLES)
    chosen = torch.randperm(len(x), generator=generator, device=generator.device)[:n].to(x.device)
    first, second = (model.sample(theta, n, generator) for _ in range(2))
    return _assignment_w2(x[chosen], first), _assignment_w2(first, second)


def _assignment_w2(x: Tensor, y: Tensor) -> float:
    cost = torch.cdist(x.double(), y.double()).square().cpu().numpy()
    return math.sqrt(float(cost[linear_sum_assignment(cost)].mean()))
