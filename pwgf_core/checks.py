"""Checks of a user's own transform or energy against differences and slower computations."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from .energies import Energy
from .errors import check_count, check_positive, check_type
from .model import Cloud, PushForward
from .schemes.forces import energy_gradient
from .transforms.base import Jacobian, Transform

BATCHES = 16


class CheckError(AssertionError):
    """Two computations of one quantity disagree; the message names it and says by how much."""


def _gap(a: Tensor, b: Tensor) -> float:
    """|a − b| / |b|, with 1 instead of |b| = 0, and infinity for another shape or NaN."""
    if a.shape != b.shape:
        return math.inf
    gap = float((a - b).norm() / (b.norm() if bool(b.any()) else 1.0))
    return math.inf if math.isnan(gap) else gap


def _report(found: dict[str, float], allowed: dict[str, float], what: str) -> dict[str, float]:
    wrong = [
        f"{name} by {value:.2g} (allowed {allowed[name]:.1g})"
        for name, value in found.items()
        if not value <= allowed[name]
    ]
    if wrong:
        raise CheckError(f"{what} is wrong: relative disagreement of {'; '.join(wrong)}")
    return found


def check_jacobian(
    transform: Transform, theta: Tensor, z: Tensor, tolerance: float = 1e-8, seed: int = 0
) -> dict[str, float]:
    """Compare all that a transform says about its derivatives with other routes to the same.

    - `x` and `logdet` of the Jacobian, `with_logdet`: the call, and log|det| of its derivative;
    - `jvp`: central differences of the call, in θ and in (θ, z);
    - `vjp`, `pullback`, `rows`: torch.func on the call and on `with_logdet`;
    - `normal`: `vjp` of `jvp`;
    - `score`: DTᵀ s = s_z − ∇log|det DT| by torch.func;
    - `inverse`, where the transform has its own: T_θ(T_θ⁻¹(x)) = x.

    `theta` and `z` should be in double precision, a dozen points and a θ that is not special.
    Returns the relative disagreements. Raises `CheckError`, which names all that exceed
    `tolerance` (1e-6 for differences), and `ValueError` for wrong shapes or single precision.
    A log-determinant that is itself an approximation, as that of `NeuralODE`, needs a larger one.

    >>> from pwgf_core import Affine
    >>> z = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> found = check_jacobian(Affine(2), torch.arange(1.0, 7.0).double(), z)
    >>> max(found.values()) < 1e-8
    True
    """
    check_type("transform", transform, Transform)
    check_count("seed", seed, 0)
    transform.check(theta, z)
    check_positive("tolerance", tolerance)
    _check_double(theta)
    generator = Generator().manual_seed(seed)

    def draw(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)

    dtheta, dz, r, q = draw(theta), draw(z), draw(z), draw(z[:, 0])
    fast, slow = transform.jacobian(theta, z), Jacobian(transform, theta, z)
    step = 1e-5

    def difference(dz: Tensor) -> Tensor:
        ends = [transform(theta + s * dtheta, z + s * dz) for s in (step, -step)]
        return (ends[0] - ends[1]) / (2 * step)

    x = transform(theta, z)
    own_x, own_logdet = transform.with_logdet(theta, z)
    logdet = Transform.with_logdet(transform, theta, z)[1]
    found = {
        "x": max(_gap(fast.x, x), _gap(own_x, x)),
        "logdet": _gap(fast.logdet, logdet),
        "with_logdet": _gap(own_logdet, logdet),
        "jvp": _gap(fast.jvp(dtheta), difference(torch.zeros_like(z))),
        "jvp with dz": _gap(fast.jvp(dtheta, dz), difference(dz)),
        "vjp": _gap(fast.vjp(r), slow.vjp(r)),
        "vjp with log-det": _gap(fast.vjp(r, q), slow.vjp(r, q)),
        "pullback": _gap(fast.pullback(r)[1], slow.pullback(r)[1]),
        "pullback with log-det": _gap(fast.pullback(r, q)[1], slow.pullback(r, q)[1]),
        "normal": _gap(fast.normal(dtheta)[0], fast.vjp(fast.jvp(dtheta))),
        "rows": _gap(fast.rows(), slow.rows()),
        "score": _gap(fast.score(-z), slow.score(-z)),
    }
    if type(transform).inverse is not Transform.inverse:
        found["inverse"] = _gap(transform(theta, transform.inverse(theta, x)), x)
    allowed = dict.fromkeys(found, tolerance) | {"jvp": 1e-6, "jvp with dz": 1e-6}
    return _report(found, allowed, repr(transform))


def pointwise_velocity(energy: Energy, cloud: Cloud) -> Tensor:
    """v = −∇δF/δρ from the value of the energy alone, shape (n, d).

    With F_n the value on n points and p_i = n ∂F_n/∂log ρ_i,
    −v_i = n ∂F_n/∂x_i + p_i s_i + ∂p_i/∂x_i + (∂p_i/∂log ρ_i) s_i, s = ∇log ρ. This holds for
    averages of functions g(x, log ρ), for averages over pairs of points, and for their sums.
    """
    with torch.enable_grad():
        x = cloud.x.detach().clone().requires_grad_()
        log_rho = cloud.log_rho.detach().clone().requires_grad_()
        value = cloud.n * energy.value(Cloud(x, log_rho))
        by_x, p = torch.autograd.grad(
            value, (x, log_rho), create_graph=True, allow_unused=True, materialize_grads=True
        )
        slopes = (torch.zeros_like(x), torch.zeros_like(log_rho))
        if p.requires_grad:
            slopes = torch.autograd.grad(
                p.sum(), (x, log_rho), allow_unused=True, materialize_grads=True
            )
    return -(by_x + slopes[0] + (p + slopes[1])[:, None] * cloud.score).detach()


def check_gradient(
    energy: Energy, model: PushForward, theta: Tensor, z: Tensor, seed: int = 0
) -> dict[str, float]:
    """Check that `value` and `velocity` of an energy belong together, on a model at (θ, z).

    - `gradient`: ∇_θF by autograd of `value` is that by central differences;
    - `velocity`: v = −∇δF/δρ pointwise, from the derivatives of `value` (`pointwise_velocity`);
    - `weak form`: E[Jᵀv] = −∇_θF in expectation, in units of five standard errors.

    The last needs many samples z ~ λ, at least 32, and a density of λ that vanishes at the
    boundary of its support. Its standard error comes from 16 batches of z.

    Returns the disagreements, the first two relative. Raises `CheckError`, which names what
    exceeds 1e-6, 1e-8 and 1, and `ValueError` for wrong shapes, single precision, few samples.

    >>> from pwgf_core import Affine, Entropy, Gaussian, Potential
    >>> model = PushForward(Gaussian(2), Affine(2))
    >>> z = Gaussian(2).sample(640, torch.Generator().manual_seed(0))
    >>> energy = Potential(lambda x: x.cosh().sum(1)) + Entropy()
    >>> found = check_gradient(energy, model, torch.arange(1.0, 7.0).double() / 4, z)
    >>> sorted(found)
    ['gradient', 'velocity', 'weak form']
    """
    check_type("energy", energy, Energy)
    check_type("model", model, PushForward)
    check_count("seed", seed, 0)
    model.transform.check(theta, z)
    _check_double(theta)
    check_count("the number of samples z", len(z), 2 * BATCHES)
    generator = Generator().manual_seed(seed)
    direction = torch.randn(theta.shape, generator=generator, dtype=torch.float64).to(theta)
    direction = direction / direction.norm()
    cloud, jacobian = model.linearize(theta, z)
    gradient = energy_gradient(energy, cloud, jacobian)
    step = 1e-5
    ends = [energy.value(model.cloud(theta + s * direction, z)) for s in (step, -step)]
    slope = (ends[0] - ends[1]) / (2 * step)
    scale = max(float(gradient.norm()), float(slope.abs()), 1e-300)

    batches = []
    for part in z[: len(z) // BATCHES * BATCHES].reshape(BATCHES, -1, model.dim):
        cloud_b, jacobian_b = model.linearize(theta, part)
        weak = jacobian_b.vjp(energy.velocity(cloud_b)) / len(part)
        batches.append(weak + energy_gradient(energy, cloud_b, jacobian_b))
    defects = torch.stack(batches)
    noise = 1e-9 * scale + 5 * float((defects.var(0) / BATCHES).sum().sqrt())
    found = {
        "gradient": abs(float(gradient @ direction - slope)) / scale,
        "velocity": _gap(energy.velocity(cloud), pointwise_velocity(energy, cloud)),
        "weak form": float(defects.mean(0).norm()) / noise,
    }
    allowed = {"gradient": 1e-6, "velocity": 1e-8, "weak form": 1.0}
    return _report(found, allowed, "the energy")


def _check_double(theta: Tensor) -> None:
    if theta.dtype is not torch.float64:
        raise ValueError(f"theta must be in double precision for differences, got {theta.dtype}")
