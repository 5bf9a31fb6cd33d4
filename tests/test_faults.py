"""Numerical faults: each is found at the step where it happens, and a smaller step can help."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from small_run import PROBLEM, assert_equal, run, stop_after
from torch import Generator, Tensor

from pwgf_core import (
    Affine,
    BiLevel,
    BiLevelNetwork,
    Energy,
    Entropy,
    Explicit,
    Gaussian,
    ImplicitRelaxed,
    Info,
    LinearlyImplicit,
    Minres,
    NumericalError,
    OrnsteinUhlenbeck,
    Planar,
    Potential,
    Problem,
    PushForward,
    RelaxedMetric,
    Residual,
    Solution,
    State,
    Status,
    Trajectory,
    evaluate,
    evolve,
    step_generator,
)
from pwgf_core.__main__ import main
from pwgf_core.checked_step import CALM
from pwgf_core.flow import Scheme

H = 0.05
EXPLICIT: dict[str, Scheme] = {
    "euler": Explicit(H, "euler"),
    "midpoint": Explicit(H),
    "gradient": Explicit(H, form="gradient"),
    "adaptive": Explicit(H, "adaptive"),
    "linear": LinearlyImplicit(H),
}
PROXIMAL: dict[str, Scheme] = {"proximal": ImplicitRelaxed(H), "bilevel": BiLevel(H)}
NETWORK: dict[str, Scheme] = {"network": BiLevelNetwork(H, inner=2, outer=3, width=8)}
SCHEMES = EXPLICIT | PROXIMAL | NETWORK
VELOCITY = {name: s for name, s in SCHEMES.items() if name != "gradient"}


def each(schemes: dict[str, Scheme]) -> Any:
    return pytest.mark.parametrize("scheme", schemes.values(), ids=schemes.keys())


@dataclass
class Switched(Energy):
    """An energy whose value, velocity or Hessian turns bad when the switch is on."""

    inner: Energy
    value_factor: float = 1.0
    velocity_factor: float = 1.0
    hessian_factor: float = 1.0
    on: bool = False

    def value(self, cloud: Any) -> Tensor:
        return self.inner.value(cloud) * (self.value_factor if self.on else 1.0)

    def velocity(self, cloud: Any) -> Tensor:
        v = self.inner.velocity(cloud).clone()
        if self.on:
            v[5] *= self.velocity_factor
        return v

    def hessian(self, cloud: Any) -> Tensor:
        hessian = self.inner.hessian(cloud).clone()
        if self.on:
            hessian[5] *= self.hessian_factor
        return hessian


def fails_in_step_three(scheme: Scheme, energy: Switched) -> Trajectory:
    """A run whose energy is switched after its second step."""

    def callback(state: State, info: Info) -> None:
        energy.on = state.step == 2

    problem = replace(PROBLEM, energy=energy)
    with pytest.warns(RuntimeWarning, match="the run stopped at t = "):
        part = evolve(
            problem, scheme, t_end=0.8, record=4, seed=1, callback=callback, progress=False
        )
    assert part.status == "failed"
    assert part.state.step == 2
    assert {len(column) for column in part.history.values()} == {2}
    assert part.times[-1] == part.state.t
    assert part.message.startswith(f"at t = {part.state.t:.6g}: ")
    assert bool(torch.isfinite(part.state.theta).all())
    return part


@each(SCHEMES)
def test_an_energy_that_is_no_number(scheme: Scheme) -> None:
    part = fails_in_step_three(scheme, Switched(PROBLEM.energy, value_factor=math.nan))
    if scheme is EXPLICIT["gradient"]:  # differentiated before it is looked at
        assert "linear solve failed" in part.message
    else:
        assert "the energy is nan on the sample of this step" in part.message
        assert "use a smaller step h" in part.message


@each(VELOCITY)
@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_a_velocity_that_is_not_finite(scheme: Scheme, factor: float) -> None:
    part = fails_in_step_three(scheme, Switched(PROBLEM.energy, velocity_factor=factor))
    assert "the velocity is not finite at 1 of 64 points" in part.message
    assert "use a smaller step h or check the input" in part.message


@each({"linear": LinearlyImplicit(H)} | PROXIMAL)
def test_a_hessian_that_is_not_finite(scheme: Scheme) -> None:
    part = fails_in_step_three(scheme, Switched(PROBLEM.energy, hessian_factor=math.nan))
    assert "the Hessian of the potential is not finite at 1 of 64 points" in part.message


@each({"euler": Explicit(1e200, "euler"), "linear": LinearlyImplicit(1e200)})
def test_parameters_that_are_not_finite(scheme: Scheme) -> None:
    pull = Potential(lambda x: 1e150 * x.sum(1), hessian=lambda x: 0 * x[:, :, None] * x[:, None])
    with pytest.warns(RuntimeWarning, match="theta is no longer finite"):
        part = evolve(replace(PROBLEM, energy=pull), scheme, t_end=1e200, record=1, progress=False)
    assert part.state.step == 0
    assert torch.equal(part.state.theta, PROBLEM.theta0)
    assert "of 26 parameters are not; reduce h" in part.message


def test_parameters_that_adam_throws_away() -> None:
    scheme = BiLevelNetwork(H, inner=2, outer=2, width=8, outer_rate=1e308)
    with pytest.warns(RuntimeWarning, match="stopped at t = 0: "):
        part = run(scheme=scheme)  # type: ignore[arg-type]
    assert part.state.step == 0
    assert bool(torch.isfinite(part.state.theta).all())


# A step that is too large: explicit Euler diverges for h above 2/50, on the variance above 1/50.

ONE, P = torch.ones(2).double(), torch.tensor([1.0, 50.0]).double()


def stiff(transform: Any, blind: bool = False) -> Problem:
    """An Ornstein–Uhlenbeck flow; `blind` hides its curvature from the linearly implicit step."""
    potential = Potential.quadratic(ONE, torch.diag(P))
    if blind:
        hidden = torch.zeros(2, 2).double()
        potential = Potential(
            potential.V, potential.gradient, lambda x: hidden.expand(len(x), 2, 2)
        )
    return Problem(
        PushForward(Gaussian(2), transform),
        potential + Entropy(),
        transform.init(Generator().manual_seed(0)),
        samples=256,
        exact=OrnsteinUhlenbeck(ONE, torch.diag(1 / P)),
        name="stiff",
    )


def stiff_run(scheme: Scheme, problem: Problem, retries: int = 0, **options: Any) -> Trajectory:
    return evolve(problem, scheme, t_end=1.0, record=4, progress=False, retries=retries, **options)


def failing_step(scheme: Scheme, problem: Problem, part: Trajectory) -> tuple[State, Info]:
    """The step that the run did not keep, taken again."""
    z = problem.model.reference.draw(
        256, step_generator(0, part.state.step), torch.float64, problem.sampling
    )
    limit = 0.25 * (1 + math.floor(part.state.t / 0.25 + 1e-9)) - part.state.t
    return scheme.step(problem, part.state, z, limit)


@each(
    {
        "euler": Explicit(0.1, "euler"),
        "midpoint": Explicit(0.1),
        "rk4": Explicit(0.1, "rk4"),
        "gradient": Explicit(0.1, form="gradient"),
        "linear": LinearlyImplicit(0.1),
    }
)
def test_an_energy_that_rises_is_found_in_its_step(scheme: Scheme) -> None:
    problem = stiff(Affine(2), blind=isinstance(scheme, LinearlyImplicit))
    with pytest.warns(RuntimeWarning, match="the run stopped"):
        part = stiff_run(scheme, problem)
    assert part.status == "failed"
    message = r"the energy rose from .* to .* in a step of 0.08\d*, .*too large .* reduce h"
    assert re.search(message, part.message)
    first = part.history["energy"][0] if part.history else math.nan
    _, info = failing_step(scheme, problem, part)
    first = first if part.history else info.energy
    highest = first + 3 + abs(first)
    assert info.energy - info.decrease > highest  # the step that was not kept
    kept = zip(part.history.get("energy", []), part.history.get("decrease", []), strict=True)
    assert all(max(energy, energy - decrease) <= highest for energy, decrease in kept)


@each({"adaptive": Explicit(0.1, "adaptive")} | PROXIMAL)
def test_schemes_that_cannot_rise_do_not(scheme: Scheme) -> None:
    result = stiff_run(scheme, stiff(Affine(2)))
    assert result.status == "completed"
    assert min(result.history["decrease"]) > -1e-3  # an adaptive step is near an exact one


class Creeping(Energy):
    """An energy that grows whenever it is looked at."""

    def __init__(self, inner: Energy, by: float) -> None:
        self.inner, self.by, self.calls = inner, by, 0

    def value(self, cloud: Any) -> Tensor:
        self.calls += 1
        return self.inner.value(cloud) + self.by * self.calls**2

    def velocity(self, cloud: Any) -> Tensor:
        return self.inner.velocity(cloud)

    def hessian(self, cloud: Any) -> Tensor:
        return self.inner.hessian(cloud)


@each(PROXIMAL)
def test_a_minimiser_that_finds_no_descent(scheme: Scheme) -> None:
    problem = replace(PROBLEM, energy=Creeping(PROBLEM.energy, 1.0))
    with pytest.warns(RuntimeWarning, match="no descent along a direction of slope -.*smaller h"):
        part = run(problem=problem, scheme=scheme)  # type: ignore[arg-type]
    assert part.state.step == 0


@each({"euler": Explicit(H, "euler"), "network": NETWORK["network"]})
def test_an_energy_that_rises_by_itself(scheme: Scheme) -> None:
    problem = replace(PROBLEM, energy=Creeping(PROBLEM.energy, 100.0))
    with pytest.warns(RuntimeWarning, match="the energy rose from"):
        part = run(problem=problem, scheme=scheme)  # type: ignore[arg-type]
    assert part.state.step == 0


# A map that loses its inverse


@each(
    {
        "euler": Explicit(0.25, "euler"),
        "midpoint": Explicit(0.25),
        "linear": LinearlyImplicit(0.25),
    }
)
@pytest.mark.parametrize("transform", [Planar(2, 4), Residual(2, 8)], ids=["planar", "residual"])
def test_a_map_that_folds_is_found_in_its_step(scheme: Scheme, transform: Any) -> None:
    flat = torch.zeros(2, 2).double()  # hides the curvature from the linearly implicit step
    wells = Potential(
        lambda x: 0.5 * (x**2 - 1).square().sum(1), hessian=lambda x: flat.expand(len(x), 2, 2)
    )
    start = transform.init(Generator().manual_seed(0))
    model = PushForward(Gaussian(2), transform)
    problem = Problem(model, wells + Entropy(), start, samples=256)
    with pytest.warns(RuntimeWarning, match="the run stopped"):
        part = stiff_run(scheme, problem)
    assert re.search("no longer invertible|folds", part.message)
    assert "use a smaller step h" in part.message
    z = model.reference.draw(256, step_generator(0, part.state.step))
    assert bool(torch.isfinite(model.linearize(part.state.theta, z)[0].log_rho).all())
    with pytest.raises(NumericalError, match=r"no longer invertible|folds"):
        failing_step(scheme, problem, part)


def test_the_last_step_is_looked_at_too() -> None:
    with pytest.warns(RuntimeWarning, match="no longer invertible .its determinant reaches -"):
        part = run(t_end=1.0, scheme=Explicit(0.3, "euler"), record=2)
    assert part.times == [0.0, 0.5, 0.75]
    assert part.state.step == 3


@each(PROXIMAL)
def test_proximal_steps_keep_the_inverse(scheme: Scheme) -> None:
    problem = stiff(Planar(2, 4))
    result = stiff_run(scheme, problem)
    assert result.status == "completed"
    for theta in result.thetas:
        w, u, _ = Planar(2, 4).split(theta)
        assert float((w * u).sum(1).min()) > -1


def test_adam_folds_a_map() -> None:
    scheme = BiLevelNetwork(H, inner=2, outer=5, width=8, outer_rate=1.0)
    with pytest.warns(RuntimeWarning, match="no longer invertible"):
        part = run(scheme=scheme)  # type: ignore[arg-type]
    assert part.state.step == 0


# A solver that stagnates


class Exchange(RelaxedMetric):
    """A singular indefinite operator that swaps g with a vector orthogonal to it, else zero.

    g·Ag = 0, so that the first product of MINRES is of no use.
    """

    direction: Tensor

    def matvec(self, v: Tensor) -> Tensor:
        a = self.direction / torch.linalg.vector_norm(self.direction)
        b = torch.zeros_like(a)
        b[0], b[1] = -a[1], a[0]
        b = b / torch.linalg.vector_norm(b)
        return a * (b @ v) + b * (a @ v)


def exchange(jacobian: Any, v: Tensor | None) -> RelaxedMetric:
    assert v is not None
    metric = Exchange(jacobian)
    object.__setattr__(metric, "direction", metric.right_hand_side(v))
    return metric


@dataclass(frozen=True)
class Stuck:
    """A solver that comes no further than zero."""

    status: Status = Status.MAX_ITERATIONS

    def solve(self, metric: Any, g: Tensor, previous: Any = None, v: Any = None) -> Solution:
        return Solution(torch.zeros_like(g), 1.0, 7, self.status, 1.0)


@each(
    {
        "euler": Explicit(H, "euler", solver=Minres(max_iterations=1, shift=0), metric=exchange),
        "midpoint": Explicit(H, solver=Stuck()),
        "adaptive": Explicit(H, "adaptive", solver=Stuck()),
        "linear": LinearlyImplicit(H, solver=Stuck(Status.ILL_CONDITIONED)),
    }
)
def test_a_solver_that_stagnates(scheme: Scheme) -> None:
    with pytest.warns(RuntimeWarning, match="the linear solve stagnates: after . iterations"):
        part = run(scheme=scheme)  # type: ignore[arg-type]
    assert part.state.step == 0
    assert "its residual is 1 of the right-hand side" in part.message
    assert "shift the operator" in part.message


def test_a_least_squares_solution_is_no_stagnation() -> None:
    """A g orthogonal to the range of the metric has the solution ξ = 0, with the residual 1."""
    result = run(scheme=Explicit(H, solver=Stuck(Status.INCONSISTENT)))
    assert result.status == "completed"
    assert result.history["status"] == 16 * ["inconsistent"]


@dataclass(frozen=True)
class Foreign:
    """A scheme from elsewhere that ends badly."""

    h: float
    how: Callable[[State], State]

    def step(
        self, problem: Problem, state: State, z: Tensor, limit: float = math.inf
    ) -> tuple[State, Info]:
        after = replace(self.how(state), t=state.t + min(self.h, limit), step=state.step + 1)
        return after, Info(min(self.h, limit), 0.0, 0.0, 0.0, 0.0, 0, Status.CONVERGED)


def singular(state: State) -> State:
    torch.linalg.cholesky(-torch.eye(2))
    return state


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda state: replace(state, theta=state.theta / 0), "theta is no longer finite"),
        (singular, "linalg.cholesky.*use a smaller step h"),
    ],
)
def test_schemes_from_elsewhere_are_looked_at(how: Any, message: str) -> None:
    with pytest.warns(RuntimeWarning, match=f"stopped at t = 0: {message}"):
        part = run(scheme=Foreign(0.1, how))  # type: ignore[arg-type]
    assert (part.status, part.state.step) == ("failed", 0)


# Smaller steps

TOO_LARGE: dict[str, Scheme] = {
    "euler": Explicit(0.1, "euler"),
    "midpoint": Explicit(0.1),
    "linear": LinearlyImplicit(0.1),
}


def blind(scheme: Scheme) -> Problem:
    return stiff(Affine(2), blind=isinstance(scheme, LinearlyImplicit))


@each(TOO_LARGE)
def test_smaller_steps_complete_a_run_that_fails(scheme: Scheme) -> None:
    problem = blind(scheme)
    with pytest.warns(RuntimeWarning, match="reduce h"):
        assert stiff_run(scheme, problem).status == "failed"
    result = stiff_run(scheme, problem, retries=6)
    assert result.status == "completed"
    assert result.times == [0.0, 0.25, 0.5, 0.75, 1.0]
    errors = evaluate(problem, result, 4096).errors["bures_w2"]
    assert max(errors[1:]) < 0.05  # measured 0.012 to 0.021; W₂ is 1.65 at the start


@each(TOO_LARGE)
def test_how_steps_shrink_and_grow(scheme: Scheme) -> None:
    history = stiff_run(scheme, blind(scheme), retries=6).history
    levels, failures = history["halvings"], history["retries"]
    largest = 0.25 / 3
    assert max(levels) <= 6
    assert sum(failures) >= max(levels) >= 2
    assert all(h <= largest / 2**k * (1 + 1e-12) for h, k in zip(history["h"], levels, strict=True))
    assert levels[0] == failures[0]
    for i, (before, after) in enumerate(pairwise(levels), 1):
        planned = after - failures[i]
        assert planned in (before, before - 1)
        if planned < before:  # after good steps of one size only
            assert levels[i - CALM : i] == CALM * [before]
            assert not any(failures[i - CALM : i])
    assert any(a > b for a, b in pairwise(levels))


def test_each_repeated_step_starts_from_the_last_good_state() -> None:
    scheme = Explicit(0.1, "euler")
    seen: list[State] = []

    class Watching(Explicit):
        def step(self, problem: Any, state: State, z: Tensor, limit: float = math.inf) -> Any:
            seen.append(state)
            return super().step(problem, state, z, limit)

    result = stiff_run(Watching(scheme.h, "euler"), stiff(Affine(2)), retries=6)
    tries = [1 + k for k in result.history["retries"]]
    assert [state.step for state in seen] == [i for i, k in enumerate(tries) for _ in range(k)]
    for a, b in pairwise(seen):
        assert a.step != b.step or a is b


def test_a_healthy_run_is_not_changed_by_retries() -> None:
    assert_equal(run(retries=5), run())


@each({"euler": Explicit(0.1, "euler")})
def test_exhausted_retries_fail(scheme: Scheme) -> None:
    problem = stiff(Affine(2))
    with pytest.warns(RuntimeWarning, match=r"in a step of 0\.04167, "):
        part = stiff_run(scheme, problem, retries=1)  # 0.25/6, above the bound of 2/50
    assert part.status == "failed"
    assert bool(torch.isfinite(part.state.theta).all())
    assert set(part.history.get("halvings", [])) <= {0, 1}
    # More of them go on from there, to the bits of a run that had them from the start.
    assert_equal(
        stiff_run(scheme, problem, retries=6, resume=part), stiff_run(scheme, problem, retries=6)
    )


@pytest.mark.parametrize("steps", [1, 2, 5, 9, 14, 20])
def test_a_resumed_run_with_retries_has_the_same_bits(steps: int, tmp_path: Path) -> None:
    scheme, problem = Explicit(0.1, "euler"), stiff(Affine(2))
    whole = stiff_run(scheme, problem, retries=6)
    assert whole.state.step > 20
    part = stiff_run(
        *(scheme, problem), retries=6, callback=stop_after(steps), checkpoint=tmp_path / "run"
    )
    assert part.state.step == steps
    loaded = Trajectory.load(tmp_path / "run")
    assert_equal(stiff_run(scheme, problem, retries=6, resume=loaded), whole)


@pytest.mark.parametrize(
    ("retries", "message"),
    [
        (-1, "retries must be an integer of at least 0, got -1"),
        (1.0, "retries must be an integer of at least 0, got 1.0"),
        (21, "retries must be at most 20, got 21"),
    ],
)
def test_wrong_numbers_of_retries(retries: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(retries=retries)


def test_retries_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["run", "ornstein_uhlenbeck", "--transform", "affine", "--quiet", "--samples", "200"]
    options += ["--h", "2", "--t-end", "8", "--record", "2", "--integrator", "midpoint"]
    assert main([*options, "--out", str(tmp_path / "a")]) == 1
    assert "reduce h" in capsys.readouterr().out
    assert main([*options, "--out", str(tmp_path / "b"), "--retries", "8"]) == 0
    assert "of them were repeated with a smaller step, down to h = " in capsys.readouterr().out
    metrics = json.loads((tmp_path / "b" / "metrics.json").read_text())
    assert metrics["status"] == "completed"
    assert metrics["errors"]["bures_w2"][-1] < 0.05  # measured 0.014
    assert main([*options, "--retries", "-1"]) == 2
    assert "retries" in capsys.readouterr().err
