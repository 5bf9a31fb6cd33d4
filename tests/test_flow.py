"""The time loop: recorded times, interruption, failure, and the evaluation of a run."""

from __future__ import annotations

import math
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_run import EXACT, PROBLEM, assert_equal, run, stop_after

from pwgf_core import (
    Explicit,
    Info,
    Interaction,
    Potential,
    QuarticInteraction,
    State,
    Trajectory,
    evaluate,
    evaluation_cloud,
)
from pwgf_core.resume import step_generator


def test_a_run_and_its_record() -> None:
    seen: list[tuple[State, Info]] = []
    result = run(callback=lambda state, info: seen.append((state, info)))
    assert result.status == "completed"
    assert result.message == ""
    assert result.times == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8], rel=1e-15)  # round-off
    assert torch.equal(result.thetas[0], PROBLEM.theta0)
    assert torch.equal(result.thetas[-1], result.state.theta)
    assert [state.step for state, _ in seen] == list(range(1, 17))
    assert result.history["energy"] == [info.energy for _, info in seen]
    assert result.history["t"] == [0.0, *[state.t for state, _ in seen][:-1]]
    assert all(len(values) == 16 for values in result.history.values())
    assert result.seconds > 0
    assert result.settings["seed"] == 3


def test_recorded_thetas_are_those_of_their_steps() -> None:
    states: dict[int, State] = {}
    result = run(callback=lambda state, info: states.update({state.step: state}))
    for i, (t, theta) in enumerate(zip(result.times[1:], result.thetas[1:], strict=True), 1):
        assert states[4 * i].t == t
        assert torch.equal(states[4 * i].theta, theta)


@pytest.mark.parametrize(
    ("t_end", "h", "record", "steps"),
    [
        (0.8, 0.05, 4, 16),
        (0.3, 0.1, 3, 3),
        (1.0, 0.3, 2, 4),
        (0.7, 0.07, 5, 10),
        (0.1, 5.0, 2, 2),
        (7.0, 0.1, 1, 70),
    ],
)
def test_steps_are_equal_and_meet_the_recorded_times(
    t_end: float, h: float, record: int, steps: int
) -> None:
    flat = replace(PROBLEM, energy=0.01 * PROBLEM.energy)  # on which no h here is too large
    result = run(problem=flat, t_end=t_end, scheme=Explicit(h, "euler"), record=record)
    assert result.state.step == steps
    assert max(result.history["h"]) <= h * (1 + 1e-9)
    assert result.history["h"] == pytest.approx([t_end / steps] * steps, rel=1e-12)  # round-off
    assert result.times == [t_end * i / record for i in range(record)] + [t_end]
    expected = [k * t_end / steps for k in range(steps)]
    assert result.history["t"] == pytest.approx(expected, rel=1e-12)


def test_the_sample_of_a_step_depends_on_seed_and_step_alone() -> None:
    def numbers(seed: int, step: int) -> list[float]:
        return torch.randn(3, generator=step_generator(seed, step)).tolist()

    assert numbers(1, 2) == numbers(1, 2)
    drawn = {tuple(numbers(seed, step)) for seed in range(5) for step in range(5)}
    assert len(drawn) == 25
    assert not torch.equal(run(seed=1).state.theta, run(seed=2).state.theta)
    assert torch.equal(run(seed=1).state.theta, run(seed=1).state.theta)


def test_no_global_state_is_touched() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state(), torch.get_default_dtype()
    run(sampling="matched")
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] is torch.get_default_dtype()


@pytest.mark.parametrize("steps", [1, 6, 8])
def test_ctrl_c_keeps_what_was_computed(steps: int) -> None:
    part = run(callback=stop_after(steps, KeyboardInterrupt))
    assert (part.status, part.message) == ("interrupted", "stopped by the user")
    assert part.state.step == steps
    assert part.times[-1] == part.state.t == pytest.approx(0.05 * steps, rel=1e-14)
    assert torch.equal(part.thetas[-1], part.state.theta)
    assert len(part.history["energy"]) == steps
    assert_equal(run(part), run())


def test_a_real_signal_within_a_step_keeps_what_was_computed() -> None:
    calls: list[int] = []

    def interrupting(x: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 7:  # the fourth step: two stages each
            os.kill(os.getpid(), signal.SIGINT)
        return x

    energy = Potential(lambda x: 0.5 * (x * x).sum(1), interrupting)
    part = run(problem=replace(PROBLEM, energy=energy))
    assert part.status == "interrupted"
    assert part.state.step == 3
    assert len(part.history["energy"]) == 3


def test_other_exceptions_pass() -> None:
    with pytest.raises(ZeroDivisionError):
        run(callback=stop_after(2, ZeroDivisionError))


def test_numerical_failure_keeps_what_was_computed(tmp_path: Path) -> None:
    def becomes_nan(x: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return x * (math.nan if len(calls) == 11 else 1.0)  # the sixth step

    calls: list[int] = []
    broken = replace(PROBLEM, energy=Potential(lambda x: 0.5 * (x * x).sum(1), becomes_nan))
    with pytest.warns(RuntimeWarning, match=r"stopped at t = 0\.25: the linear solve failed"):
        part = run(problem=broken, checkpoint=tmp_path / "run")
    assert part.status == "failed"
    assert part.message.startswith("at t = 0.25: the linear solve failed: ")
    assert part.state.step == 5
    assert part.times == pytest.approx([0.0, 0.2, 0.25], rel=1e-14)
    assert bool(torch.isfinite(part.state.theta).all())
    assert Trajectory.load(tmp_path / "run").status == "failed"


def test_a_flow_that_folds_fails_with_advice() -> None:
    # A force far beyond the step size makes a planar layer lose its inverse.
    steep = replace(PROBLEM, energy=Potential(lambda x: 500 * (x * x).sum(1)))
    with pytest.warns(RuntimeWarning, match="use a smaller step h|linear solve failed"):
        part = run(problem=steep, scheme=Explicit(0.2, "euler"))
    assert part.status == "failed"
    assert bool(torch.isfinite(part.state.theta).all())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"t_end": 0.0}, "t_end must be a finite number above 0, got 0.0"),
        ({"t_end": math.inf}, "t_end must be a finite number above 0, got inf"),
        ({"samples": 0}, "samples must be an integer of at least 1, got 0"),
        ({"sampling": "halton"}, "sampling must be one of matched, random, sobol, got 'halton'"),
        ({"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"record": 0}, "record must be an integer of at least 1, got 0"),
        ({"checkpoint_every": 0}, "checkpoint_every must be an integer of at least 1, got 0"),
    ],
)
def test_wrong_settings_are_named(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"theta0": torch.zeros(3)}, r"theta0 must have shape \(26\), got \(3,\)"),
        ({"h": 0.0}, "h must be a finite number above 0"),
        ({"t_end": math.nan}, "t_end must be a finite number above 0, got nan"),
        ({"samples": 1.5}, "samples must be an integer of at least 1, got 1.5"),
        ({"sampling": "none"}, "sampling must be one of"),
    ],
)
def test_wrong_problems_are_named(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PROBLEM, **change)


def test_an_end_far_below_the_step_is_one_step_each() -> None:
    result = run(t_end=1e-12, scheme=Explicit(0.1, "euler"))
    assert result.status == "completed"
    assert result.state.step == 4


def test_evaluation_depends_on_theta_alone() -> None:
    other = replace(PROBLEM, samples=7, sampling="sobol", h=0.5, t_end=3.0, name="another")
    theta = run().state.theta
    clouds = [evaluation_cloud(p, theta, 1024) for p in (PROBLEM, other)]
    assert torch.equal(clouds[0].x, clouds[1].x)
    single = evaluation_cloud(PROBLEM, theta.float(), 1024)
    assert single.x.dtype is torch.float32
    # ε times sums of a few terms of size below 10
    assert float((single.x.double() - clouds[0].x).abs().max()) < 1e-5


def test_evaluation_of_a_run() -> None:
    result = run()
    evaluation = evaluate(PROBLEM, result, 2048)
    assert evaluation.times == result.times
    assert set(evaluation.errors) == {"bures_w2", "mean_error", "covariance_error"}
    assert all(len(values) == 5 for values in evaluation.errors.values())
    # The start is λ itself, which matched points represent exactly (to the root of round-off).
    assert evaluation.errors["bures_w2"][0] < 1e-6
    assert evaluation.energy[0] == pytest.approx(EXACT.energy(0.0), rel=1e-12)
    assert max(evaluation.errors["bures_w2"]) < 0.05  # 64 samples a step, measured 0.02
    assert evaluate(replace(PROBLEM, exact=None), result, 64).errors == {}


def test_an_evaluation_ends_where_the_energy_sums_over_pairs() -> None:
    """Attraction by |y|²/2 has the energy tr C/2: 65 536 points would make 4·10⁹ pairs a time."""
    result = run()
    attraction = Interaction(lambda y: y.square().sum(1) / 2)
    moments = QuarticInteraction(0.0, 1.0)
    assert (0.5 * attraction + moments).pairwise
    assert not moments.pairwise
    pairs, exact = (
        evaluate(replace(PROBLEM, energy=energy, exact=None), result, n).energy
        for energy, n in ((attraction, None), (moments, 4096))
    )
    # n/(n − 1) between distinct pairs and all, and rounding
    assert pairs == pytest.approx([F * 4096 / 4095 for F in exact], rel=1e-10)
