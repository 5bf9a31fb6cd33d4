"""Proximal steps: order, stability, the fall of the energy, and the adaptive explicit pair."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from cases import Shifted, normal
from torch import Generator, Tensor

from pwgf_core import (
    Affine,
    BiLevel,
    Energy,
    Entropy,
    Explicit,
    FromModule,
    Gaussian,
    ImplicitRelaxed,
    Interaction,
    LinearlyImplicit,
    Minres,
    NumericalError,
    OrnsteinUhlenbeck,
    Planar,
    PorousMedium,
    Potential,
    Problem,
    ProjectedGaussian,
    PushForward,
    Relaxed,
    State,
    Status,
    Trajectory,
    Transform,
    Wasserstein,
    convergence_order,
    evaluate,
    evolve,
    gaussian_proximal_step,
    gaussian_w2,
    step_generator,
)
from pwgf_core.flow import Scheme
from pwgf_core.schemes.implicit import Proximal

MU = torch.tensor([1.0, 1.0]).double()
QUADRATICS = Wasserstein(features=0, floor=0.0)  # exact for affine maps of a Gaussian


def precision_of(eigenvalues: tuple[float, float], angle: float = 0.7) -> Tensor:
    c, s = math.cos(angle), math.sin(angle)
    rotation = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    return rotation @ torch.diag(torch.tensor(eigenvalues).double()) @ rotation.T


def flow(
    eigenvalues: tuple[float, float],
    transform: Transform,
    sampling: str = "matched",
    samples: int = 512,
) -> Problem:
    """Ornstein–Uhlenbeck with these rates, from N(0, I)."""
    precision = precision_of(eigenvalues)
    return Problem(
        PushForward(Gaussian(2), transform),
        Potential.quadratic(MU, precision) + Entropy(),
        transform.init(Generator().manual_seed(0)),
        t_end=2.0,
        samples=samples,
        sampling=sampling,
        solver=Minres(tol=1e-12, shift=0.0),
        exact=OrnsteinUhlenbeck(MU, torch.linalg.inv(precision)),
    )


def errors(problem: Problem, scheme: Scheme, t_end: float, record: int = 1) -> list[float]:
    """W2 to the solution at each recorded time but the first, of a run that completes."""
    run = evolve(problem, scheme, t_end=t_end, record=record, progress=False)
    assert run.status == "completed"
    return evaluate(problem, run, 4096).errors["bures_w2"][1:]


STEPS = (0.1, 0.05, 0.025, 0.0125)
TRIANGULAR = Affine(2, "triangular")


def test_true_proximal_step_has_order_one_on_triangular_maps() -> None:
    problem = flow((1.0, 8.0), TRIANGULAR)
    found = [
        errors(problem, BiLevel(h, tau=0.0, tol=1e-9, fields=QUADRATICS), 0.5)[0] for h in STEPS
    ]
    # The figures of an independent prototype, to the digits that it printed.
    assert found == pytest.approx([0.0227, 0.0111, 0.0055, 0.0027], abs=1e-4)
    assert convergence_order(list(STEPS), found) == pytest.approx(1.0, abs=0.1)


def test_relaxed_proximal_step_follows_another_flow_on_triangular_maps() -> None:
    problem = flow((1.0, 8.0), TRIANGULAR)
    schemes = [ImplicitRelaxed(h, tau=0.0, tol=1e-9) for h in STEPS]
    found = [errors(problem, scheme, 0.5)[0] for scheme in schemes]
    assert convergence_order(list(STEPS), found) == pytest.approx(0.0, abs=0.1)
    relaxed = ProjectedGaussian(MU, precision_of((1.0, 8.0)))
    exact = problem.exact
    assert isinstance(exact, OrnsteinUhlenbeck)
    floor = gaussian_w2(
        relaxed.mean(0.5), relaxed.covariance(0.5), exact.mean(0.5), exact.covariance(0.5)
    )
    assert floor == pytest.approx(0.0927, abs=1e-3)  # the distance of the two flows
    assert found[-1] == pytest.approx(floor, abs=2e-3)  # and the step error of h = 1/80
    # To the relaxed flow itself the scheme has order one.
    own = [errors(replace(problem, exact=relaxed), scheme, 0.5)[0] for scheme in schemes]
    assert convergence_order(list(STEPS), own) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("h", [0.05, 1.0])
@pytest.mark.parametrize("diffusion", [1.0, 0.3])
@pytest.mark.parametrize("kind", [ImplicitRelaxed, BiLevel])
def test_diagonal_step_is_that_of_gaussians(
    kind: type[ImplicitRelaxed], diffusion: float, h: float, generator: Generator
) -> None:
    transform = Affine(2, "diagonal")
    p, sigma = torch.tensor([1.0, 50.0]).double(), torch.tensor([1.5, 0.7]).double()
    b = torch.tensor([-0.5, 2.0]).double()
    energy = Potential.quadratic(MU, torch.diag(p)) + diffusion * Entropy()
    start = transform.join(torch.diag(sigma), b)
    problem = Problem(PushForward(Gaussian(2), transform), energy, start)
    z = Gaussian(2).draw(256, generator, sampling="matched")
    options: dict[str, Any] = {"fields": QUADRATICS} if kind is BiLevel else {}
    state, info = kind(h, tau=0.0, tol=1e-14, max_iterations=200, **options).step(
        problem, State(start), z
    )
    assert info.status is Status.CONVERGED
    u, shift = transform.split(state.theta)
    expected, mean = gaussian_proximal_step(sigma, b, h, p, MU, diffusion)
    # L-BFGS stops at a fall of 1e-14 of the whole: 1e-7 in θ, times √(condition)
    assert float((u.diagonal() - expected).abs().max()) < 1e-5
    assert float((shift - mean).abs().max()) < 1e-5
    assert state.t == h


def test_many_parameters_are_preconditioned_by_minres(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = flow((1.0, 50.0), Affine(2))
    z = Gaussian(2).draw(256, generator, sampling="matched")
    scheme = ImplicitRelaxed(0.2, tau=0.0, tol=1e-14, max_iterations=200)
    exact, _ = scheme.step(problem, State(problem.theta0), z)
    monkeypatch.setattr("pwgf_core.schemes.implicit.DENSE_LIMIT", 0)
    other, info = scheme.step(problem, State(problem.theta0), z)
    assert info.status is Status.CONVERGED
    assert float((other.theta - exact.theta).abs().max()) < 1e-5  # one minimiser, as above


@pytest.mark.parametrize("kind", [ImplicitRelaxed, BiLevel])
def test_single_precision_reaches_the_equilibrium(kind: type[ImplicitRelaxed]) -> None:
    transform = Affine(2)
    precision = precision_of((1.0, 8.0)).float()
    energy = Potential.quadratic(MU.float(), precision) + Entropy()
    theta = transform.init(Generator(), torch.float32)
    problem = Problem(
        PushForward(Gaussian(2), transform), energy, theta, samples=256, sampling="matched"
    )
    run = run_with_states(problem, kind(0.5), t_end=10.0, record=1)
    u, b = transform.split(run.state.theta)
    # F in single precision is known to 1e-6, its minimiser to the root of that
    assert float((u @ u.T - torch.linalg.inv(precision)).norm()) < 1e-2
    assert float((b - MU.float()).norm()) < 1e-2


@pytest.mark.parametrize(
    ("transform", "scheme"),
    [
        (Affine(2), ImplicitRelaxed(0.2, tau=0.0, tol=1e-6)),
        (Affine(2), LinearlyImplicit(0.2)),
        (TRIANGULAR, ImplicitRelaxed(0.2, tau=0.0, tol=1e-6)),
        (TRIANGULAR, BiLevel(0.2, tau=0.0, tol=1e-6, fields=QUADRATICS)),
        (TRIANGULAR, LinearlyImplicit(0.2)),
        (TRIANGULAR, LinearlyImplicit(0.2, choice=QUADRATICS)),
    ],
    ids=repr,
)
def test_implicit_steps_are_stable_on_a_stiff_flow(transform: Transform, scheme: Scheme) -> None:
    # h λ_max = 10; seen .035 to .037, of which the slow mean's e^{-t} has the most
    assert errors(flow((1.0, 50.0), transform), scheme, 2.0)[0] < 0.05


@pytest.mark.parametrize("h", [0.05, 0.1, 0.2])
def test_euler_fails_on_a_stiff_flow(h: float) -> None:
    # h > 2/λ_max: mean and spread diverge, and the energy tells
    with pytest.warns(RuntimeWarning, match="the run stopped at t"):
        run = evolve(flow((1.0, 50.0), Affine(2)), Explicit(h, "euler"), progress=False, record=1)
    assert run.status == "failed"
    assert run.state.t < 2.0
    assert bool(torch.isfinite(run.state.theta).all())


@pytest.mark.parametrize("scheme", [ImplicitRelaxed(0.2), BiLevel(0.2)], ids=repr)
def test_default_settings_are_stable_with_planar_maps(scheme: Scheme) -> None:
    problem = flow((1.0, 50.0), Planar(2, 10), "sobol")
    # a family that does not hold the solution and fresh samples: the size of the error is not
    # that of h, but bounded; the start has W2 = 1.6
    assert errors(problem, scheme, 1.0)[0] < 0.2


def run_with_states(problem: Problem, scheme: Scheme, **options: Any) -> Trajectory:
    run = evolve(problem, scheme, progress=False, **options)
    assert run.status == "completed"
    return run


@pytest.mark.parametrize("sampling", ["matched", "random"])
@pytest.mark.parametrize("eigenvalues", [(1.0, 8.0), (1.0, 50.0)])
@pytest.mark.parametrize("kind", ["full", "triangular"])
def test_energy_falls_by_the_squared_step(
    kind: str, eigenvalues: tuple[float, float], sampling: str
) -> None:
    h, transform = 0.1, Affine(2, kind)
    problem = flow(eigenvalues, transform, sampling, 200)
    run = run_with_states(problem, ImplicitRelaxed(h, tau=0.0), t_end=1.0, record=10)
    # θ⁺ is no worse than θ in the objective |Δ|²/(2h) + F, a theorem on the sample however loose
    # the tolerance; and (x, x⁺) is a coupling, so that |Δ|² ≥ W2².
    for (before, after), decrease, distance in zip(
        pairwise(run.thetas), run.history["decrease"], run.history["distance"], strict=True
    ):
        assert decrease >= distance / (2 * h) - 1e-12
        laws = [(b, u @ u.T) for u, b in (transform.split(before), transform.split(after))]
        w2 = gaussian_w2(*laws[0], *laws[1])
        assert distance > 0
        if sampling == "matched":  # |Δ|² is then that of the laws themselves
            assert distance >= w2**2 - 1e-12
    energy = evaluate(problem, run, 2048).energy
    if sampling == "matched":  # so is the energy, to rounding
        assert all(a >= b - 1e-12 for a, b in pairwise(energy))


@pytest.mark.parametrize(
    "scheme",
    [
        ImplicitRelaxed(0.1, tau=0.0),
        BiLevel(0.1, tau=0.0),
        BiLevel(0.1, tau=0.0, fields=Wasserstein(features=30, kind="tanh", floor=0.01)),
    ],
    ids=repr,
)
def test_energy_falls_by_the_squared_step_for_planar_maps(scheme: ImplicitRelaxed) -> None:
    problem = flow((1.0, 8.0), Planar(2, 8), "sobol", 300)
    run = run_with_states(problem, scheme, t_end=0.5, record=1)
    for decrease, distance in zip(run.history["decrease"], run.history["distance"], strict=True):
        assert decrease >= distance / (2 * scheme.h) - 1e-12
        assert distance > 0


def test_report_is_measured_on_the_sample(generator: Generator) -> None:
    problem = flow((1.0, 8.0), Affine(2), "random")
    z = normal(generator, 100, 2)
    state, info = ImplicitRelaxed(0.1).step(problem, State(problem.theta0), z)
    before, after = (problem.model.cloud(t, z) for t in (problem.theta0, state.theta))
    fall = float(problem.energy.value(before) - problem.energy.value(after))
    assert info.decrease == pytest.approx(fall, rel=1e-12)
    assert info.distance == pytest.approx(
        float((after.x - before.x).square().sum(1).mean()), rel=1e-12
    )
    assert info.energy == pytest.approx(float(problem.energy.value(before)), rel=1e-12)
    speed = float(problem.energy.velocity(before).square().sum(1).mean())
    assert info.speed == pytest.approx(speed, rel=1e-12)
    assert (state.t, state.step, info.h) == (0.1, 1, 0.1)
    assert 0 <= info.residual < 1


@pytest.mark.parametrize("transform", [Affine(2), Planar(2, 4)], ids=repr)
@pytest.mark.parametrize("choice", [Relaxed(), Wasserstein(features=10)], ids=repr)
def test_objective_and_its_gradient_agree(
    transform: Transform, choice: Any, generator: Generator
) -> None:
    problem = flow((1.0, 8.0), transform)
    z = normal(generator, 60, 2)
    objective = Proximal(problem, problem.theta0, z, 0.1, choice, 1e-2)
    theta = problem.theta0 + 0.05 * normal(generator, len(problem.theta0))
    direction, step = normal(generator, len(theta)), 1e-5
    slope = float(objective(theta)[1] @ direction)
    plus, minus = (objective(theta + s * step * direction)[0] for s in (1, -1))
    # central differences: step² and 1e-16/step
    assert (plus - minus) / (2 * step) == pytest.approx(slope, rel=1e-6, abs=1e-8)
    assert objective(problem.theta0)[0] == pytest.approx(objective.energy0, rel=1e-12)


def test_linearly_implicit_step_is_the_solution_of_its_system(generator: Generator) -> None:
    problem, h = flow((1.0, 50.0), Affine(2)), 0.2
    z = Gaussian(2).draw(256, generator, sampling="matched")
    state, _ = LinearlyImplicit(h).step(problem, State(problem.theta0), z)
    # From N(0, I): J = I in θ, so (I + hP) dU = h(I − P) and (I + hP) db = hPμ.
    p, eye = precision_of((1.0, 50.0)), torch.eye(2).double()
    u = eye + torch.linalg.solve(eye + h * p, h * (eye - p))
    b = torch.linalg.solve(eye + h * p, h * p @ MU)
    assert isinstance(problem.model.transform, Affine)
    expected = problem.model.transform.join(u, b)
    assert float((state.theta - expected).abs().max()) < 1e-9  # of the solver's 1e-12


def adaptive_run(tol: float, record: int = 4) -> tuple[Problem, Trajectory]:
    problem = flow((1.0, 50.0), Affine(2))
    return problem, run_with_states(
        problem, Explicit(0.2, "adaptive", tol=tol), t_end=2.0, record=record
    )


def test_adaptive_steps_grow_with_the_tolerance() -> None:
    steps = []
    for tol in (3e-2, 3e-3, 3e-4, 3e-5):
        problem, run = adaptive_run(tol)
        found = max(evaluate(problem, run, 4096).errors["bures_w2"])
        # an error of tol per step, damped by the flow; at the limit of stability steps overshoot
        assert found < tol
        steps.append(run.state.step)
    assert all(a < b for a, b in pairwise(steps))


def test_adaptive_steps_meet_the_recorded_times() -> None:
    _, run = adaptive_run(3e-3, record=7)
    assert run.times == [2.0 * i / 7 for i in range(7)] + [2.0]
    for t, h, following in zip(
        run.history["t"], run.history["h"], [*run.history["t"][1:], 2.0], strict=True
    ):
        assert t + h == pytest.approx(following, abs=1e-12)  # no gap, no overlap
        assert 0 < h <= 0.2
    assert set(run.times[:-1]) <= set(run.history["t"])


def test_a_step_cut_short_keeps_the_proposed_size(generator: Generator) -> None:
    problem = flow((1.0, 8.0), Affine(2))
    z = Gaussian(2).draw(256, generator, sampling="matched")
    scheme, state = Explicit(0.2, "adaptive"), State(problem.theta0, h=0.01)
    for limit in (1e-3, 1e-6):  # just before a recorded time
        after, info = scheme.step(problem, state, z, limit)
        assert info.h == limit
        assert after.h == 0.01
    after, info = scheme.step(problem, state, z, 0.5)
    assert info.h == 0.01  # an error of about h³
    assert after.h is not None
    assert 0.01 < after.h <= 0.03
    rejected, info = scheme.step(problem, replace(state, h=0.2), z)  # too long
    assert rejected.h is not None
    assert info.h < 0.2
    assert info.h <= rejected.h <= 3 * info.h


class Fenced(Affine):
    """x = σz + b in one dimension, said to have no inverse for σ < 0.1."""

    refused = 0

    def jacobian(self, theta: Tensor, z: Tensor) -> Any:
        if float(theta[0]) < 0.1:
            self.refused += 1
            raise NumericalError("no inverse")
        return super().jacobian(theta, z)


def test_trial_without_inverse_is_rejected(generator: Generator) -> None:
    h, transform, one = 1.0, Fenced(1), torch.ones(1).double()
    p = 50 * one
    energy = Potential.quadratic(0 * one, torch.diag(p)) + Entropy()
    problem = Problem(PushForward(Gaussian(1), transform), energy, transform.init(generator))
    z = Gaussian(1).draw(64, generator, sampling="matched")
    # The first trial, a linearly implicit Euler step, has σ = 1 − 49h/(1 + 50h) = 0.04.
    state, info = ImplicitRelaxed(h, tau=0.0, tol=1e-14, max_iterations=200).step(
        problem, State(problem.theta0), z
    )
    assert transform.refused > 0
    sigma, _ = gaussian_proximal_step(one, 0 * one, h, p, 0 * one)
    assert float(state.theta[0]) == pytest.approx(float(sigma), abs=1e-5)  # 0.15
    assert info.status is Status.CONVERGED


def test_adaptive_step_shrinks_where_the_map_has_no_inverse(generator: Generator) -> None:
    transform, one = Fenced(1), torch.ones(1).double()
    energy = Potential.quadratic(0 * one, 50 * torch.eye(1).double()) + Entropy()
    problem = Problem(PushForward(Gaussian(1), transform), energy, transform.init(generator))
    z = Gaussian(1).draw(64, generator, sampling="matched")
    # 1 − 49h/2 < 0.1 at the second stage of a step of h = 0.2
    state, info = Explicit(0.2, "adaptive").step(problem, State(problem.theta0, h=0.2), z)
    assert transform.refused > 0
    assert 0 < info.h < 0.2
    assert state.t == info.h
    with pytest.raises(NumericalError, match="no inverse"):
        Explicit(0.2).step(problem, State(problem.theta0), z)  # a fixed step cannot


@pytest.mark.parametrize("kind", [ImplicitRelaxed, BiLevel])
def test_a_step_from_equilibrium(kind: type[ImplicitRelaxed], generator: Generator) -> None:
    # At the first θ the velocity is exactly zero, and the metric has a kernel. The step may fit
    # the noise of the sample, but no more than its energy pays for.
    transform, h = FromModule(Shifted(2, 5), 2), 0.1
    problem = Problem(
        PushForward(Gaussian(2), transform),
        Potential.quadratic(0 * MU, torch.eye(2).double()) + Entropy(),
        transform.init(generator),
    )
    z = Gaussian(2).draw(128, generator, sampling="matched")
    assert not bool(problem.energy.velocity(problem.model.cloud(problem.theta0, z)).any())
    state, info = kind(h).step(problem, State(problem.theta0), z)
    assert bool(torch.isfinite(state.theta).all())
    assert info.decrease >= info.distance / (2 * h) - 1e-12


def test_a_gradient_that_is_not_a_number_is_reported(generator: Generator) -> None:
    transform = Affine(1)
    rootlike = Potential(  # the slope of √ at 0 is infinite, times a derivative of 0
        lambda x: (x - x.detach()).sqrt().sum(1), lambda x: x, lambda x: x[:, None]
    )
    problem = Problem(
        PushForward(Gaussian(1), transform), rootlike + Entropy(), transform.init(generator)
    )
    with pytest.raises(NumericalError):
        ImplicitRelaxed(0.1).step(problem, State(problem.theta0), normal(generator, 20, 1))


class Crowd(Energy):
    """½∬ |x − y|²/2 ρρ, the energy a user would write: half the variance."""

    def value(self, cloud: Any) -> Tensor:
        return 0.5 * (cloud.x - cloud.x.mean(0)).square().sum(1).mean()

    def velocity(self, cloud: Any) -> Tensor:
        return cloud.x.mean(0) - cloud.x


INTERACTIONS: dict[str, Energy] = {
    "attraction": Interaction(lambda y: 0.5 * (y * y).sum(1)) + 0.5 * Entropy(),
    "two scales": Interaction(lambda y: 0.25 * (y * y).sum(1) ** 2 - 0.5 * (y * y).sum(1)),
    "by a user": Crowd() + 0.1 * Entropy(),
    "porous medium": PorousMedium(2.0),
    "confined porous medium": PorousMedium(3.0) + Potential(lambda x: 0.5 * (x * x).sum(1)),
}


@pytest.mark.parametrize("name", INTERACTIONS)
@pytest.mark.parametrize("transform", [Affine(2), Planar(2, 6)], ids=repr)
def test_other_energies_fall_by_the_squared_step(name: str, transform: Transform) -> None:
    problem = Problem(
        PushForward(Gaussian(2), transform),
        INTERACTIONS[name],
        transform.init(Generator().manual_seed(0)),
        samples=100,
        sampling="matched",
    )
    run = run_with_states(problem, ImplicitRelaxed(0.2, tau=0.0), t_end=0.6, record=1)
    for decrease, distance in zip(run.history["decrease"], run.history["distance"], strict=True):
        assert decrease >= distance / 0.4 - 1e-12  # the same theorem
        assert distance > 0
    z = problem.model.reference.draw(100, step_generator(0, 0), torch.float64, "matched")
    first, last = (problem.energy.value(problem.model.cloud(t, z)) for t in run.thetas)
    assert float(last) < float(first)  # on a sample that only the first step has seen


def test_attraction_has_a_closed_form(generator: Generator) -> None:
    # F = ½∬|x − y|²/2 + D∫ρ log ρ is the quadratic potential of a Gaussian at rest, P = I.
    transform, one = Affine(2, "diagonal"), torch.ones(2).double()
    sigma = torch.tensor([2.0, 0.5]).double()
    start = transform.join(torch.diag(sigma), one)
    energy = Interaction(lambda y: 0.5 * (y * y).sum(1), pairs="all") + 0.3 * Entropy()
    problem = Problem(PushForward(Gaussian(2), transform), energy, start)
    z = Gaussian(2).draw(128, generator, sampling="matched")
    state, _ = ImplicitRelaxed(0.5, tau=0.0, tol=1e-14, max_iterations=200).step(
        problem, State(start), z
    )
    u, b = transform.split(state.theta)
    expected, _ = gaussian_proximal_step(sigma, one, 0.5, one, one, 0.3)
    assert float((u.diagonal() - expected).abs().max()) < 1e-5  # as for a potential
    assert float((b - one).abs().max()) < 1e-7  # the mean rests


def test_wrong_settings_are_named() -> None:
    schemes: list[Any] = [ImplicitRelaxed, BiLevel, LinearlyImplicit, Explicit]
    for scheme in schemes:
        for h in (0.0, -0.1, math.inf, math.nan):
            with pytest.raises(ValueError, match="h must be a finite number above 0"):
                scheme(h)
    for scheme in (ImplicitRelaxed, BiLevel):
        for tau in (-1e-9, math.inf, math.nan):
            with pytest.raises(ValueError, match="tau must be a finite number of at least 0"):
                scheme(0.1, tau=tau)
        with pytest.raises(ValueError, match="tol must be a finite number above 0"):
            scheme(0.1, tol=0.0)
        with pytest.raises(ValueError, match="max_iterations must be an integer of at least 1"):
            scheme(0.1, max_iterations=0)
    with pytest.raises(ValueError, match="tol must be a finite number above 0"):
        Explicit(0.1, "adaptive", tol=-1.0)


def test_wrong_metric_settings_are_named() -> None:
    for floor in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="floor must be a number from 0 to 1"):
            Wasserstein(floor=floor)
    with pytest.raises(ValueError, match="kind must be one of fourier, tanh"):
        Wasserstein(kind="rbf")
    with pytest.raises(ValueError, match="features must be an integer of at least 0"):
        Wasserstein(features=-1)
    with pytest.raises(ValueError, match="degree must be an integer of at least 1"):
        Wasserstein(degree=0)
