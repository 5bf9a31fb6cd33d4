"""The time loop: recorded times, interruption, failure, resumption, and the file of a run."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Generator

from pwgf_core import (
    Affine,
    Compose,
    Entropy,
    Explicit,
    Gaussian,
    Info,
    OrnsteinUhlenbeck,
    Planar,
    Potential,
    Problem,
    PushForward,
    State,
    Trajectory,
    evaluate,
    evaluation_cloud,
    evolve,
)
from pwgf_core.flow import step_generator

EXACT = OrnsteinUhlenbeck(torch.tensor([1.0, 0.0]), torch.tensor([[0.5, 0.1], [0.1, 0.3]]))
TRANSFORM = Compose(Affine(2), Planar(2, 4))
PROBLEM = Problem(
    PushForward(Gaussian(2), TRANSFORM),
    Potential.quadratic(EXACT.mu, EXACT.precision) + Entropy(),
    TRANSFORM.init(Generator().manual_seed(0)),
    samples=64,
    exact=EXACT,
    name="small",
)
SCHEME = Explicit(0.05)


def run(
    resume: Trajectory | None = None,
    problem: Problem = PROBLEM,
    scheme: Explicit = SCHEME,
    t_end: float = 0.8,
    record: int = 4,
    seed: int = 3,
    samples: int | None = None,
    sampling: str | None = None,
    callback: Callable[[State, Info], object] | None = None,
    checkpoint: Path | None = None,
    checkpoint_every: int = 100,
) -> Trajectory:
    """A run of 16 steps, recorded after every fourth."""
    return evolve(
        problem,
        scheme,
        t_end=t_end,
        record=record,
        seed=seed,
        samples=samples,
        sampling=sampling,
        callback=callback,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        resume=resume,
        progress=False,
    )


def stop_after(
    steps: int, how: type[BaseException] | None = None
) -> Callable[[State, Info], object]:
    """A callback that ends the run at that step, by False or by an exception."""

    def callback(state: State, info: Info) -> object:
        if state.step == steps and how is not None:
            raise how
        return state.step < steps

    return callback


def assert_equal(a: Trajectory, b: Trajectory) -> None:
    """The same in every bit, up to the seconds."""
    assert a.times == b.times
    assert len(a.thetas) == len(b.thetas)
    assert all(torch.equal(x, y) for x, y in zip(a.thetas, b.thetas, strict=True))
    assert torch.equal(a.state.theta, b.state.theta)
    assert (a.state.t, a.state.step) == (b.state.t, b.state.step)
    assert a.state.solution is not None
    assert b.state.solution is not None
    assert torch.equal(a.state.solution.x, b.state.solution.x)
    assert replace(a.state.solution, x=b.state.solution.x) == b.state.solution
    assert a.history == b.history
    assert (a.settings, a.status, a.message) == (b.settings, b.status, b.message)


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
    result = run(t_end=t_end, scheme=Explicit(h, "euler"), record=record)
    assert result.state.step == steps
    assert result.settings["h"] <= h * (1 + 1e-9)
    assert result.settings["h"] * steps == pytest.approx(t_end, rel=1e-15)
    expected = [t_end * i / record for i in range(record + 1)]
    assert result.times == pytest.approx(expected, rel=1e-14)  # round-off
    assert result.history["t"] == [k * result.settings["h"] for k in range(steps)]  # no drift


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


def test_a_file_holds_a_run(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.safetensors"
    result = run()
    result.save(path)
    assert_equal(Trajectory.load(path), result)
    assert Trajectory.load(path).seconds == result.seconds
    assert [p.name for p in path.parent.iterdir()] == ["run.safetensors"]
    content = path.read_bytes()
    assert int.from_bytes(content[:8], "little") < len(content)  # a safetensors header
    assert content[8:9] == b"{"
    assert not content.startswith((b"PK", b"\x80"))  # neither a zip file nor a pickle
    with safe_open(path, framework="pt") as file:
        assert set(file.keys()) == {"thetas", "theta", "solution"}


def test_a_file_of_a_run_without_a_step(tmp_path: Path) -> None:
    broken = replace(PROBLEM, energy=Potential(lambda x: math.nan * x.sum(1)))
    with pytest.warns(RuntimeWarning, match="stopped at t = 0"):
        result = run(problem=broken)
    result.save(tmp_path / "run")
    loaded = Trajectory.load(tmp_path / "run")
    assert (loaded.times, loaded.status, loaded.message) == ([0.0], "failed", result.message)
    assert loaded.state.solution is None
    assert torch.equal(loaded.state.theta, PROBLEM.theta0)


def test_another_file_is_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "other")
    with pytest.raises(ValueError, match="other holds no run"):
        Trajectory.load(tmp_path / "other")


@pytest.mark.parametrize("steps", [1, 4, 8, 15])
def test_a_resumed_run_equals_an_unbroken_one(steps: int, tmp_path: Path) -> None:
    path = tmp_path / "run"
    part = run(callback=stop_after(steps), checkpoint=path)
    assert part.status == "interrupted"
    assert part.state.step == steps
    whole = run()
    assert_equal(run(Trajectory.load(path)), whole)
    assert_equal(run(part), whole)  # and without a file


def test_resuming_leaves_the_given_record_as_it_is(tmp_path: Path) -> None:
    part = run(callback=stop_after(6))
    part.save(tmp_path / "part")
    whole = run(part)
    assert_equal(part, Trajectory.load(tmp_path / "part"))
    assert_equal(run(part), whole)


def test_resuming_a_completed_run_changes_nothing() -> None:
    whole = run()
    assert_equal(run(whole), whole)


def test_resuming_adds_up_the_seconds() -> None:
    part = run(callback=stop_after(8))
    assert run(part).seconds > part.seconds


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 4}, "has seed=3 instead of seed=4"),
        ({"samples": 65}, "has samples=64 instead of samples=65"),
        ({"sampling": "sobol"}, "has sampling='random' instead of sampling='sobol'"),
        ({"record": 8}, "record=4 instead of record=8"),
        ({"t_end": 1.6}, r"t_end=0.8.* instead of t_end=1.6"),
        ({"scheme": Explicit(0.05, "euler")}, "has scheme=.*midpoint.* instead of scheme=.*euler"),
        ({"scheme": Explicit(0.025)}, "h=0.05 instead of .*h=0.025"),
        ({"problem": replace(PROBLEM, name="other")}, "has problem='small' instead of problem="),
        ({"problem": replace(PROBLEM, theta0=PROBLEM.theta0.float())}, "dtype='float64' instead"),
    ],
)
def test_other_settings_cannot_resume(change: dict, message: str) -> None:
    part = run(callback=stop_after(2))
    with pytest.raises(ValueError, match="cannot resume: the stored run " + ".*" + message):
        run(part, **change)


def test_checkpoints_are_written_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "run"
    steps: list[int] = []

    def look(state: State, info: Info) -> None:
        if path.exists():
            steps.append(Trajectory.load(path).state.step)

    result = run(callback=look, checkpoint=path, checkpoint_every=5)
    assert steps == [5] * 5 + [10] * 5 + [15] * 2  # steps 5 to 16
    assert_equal(Trajectory.load(path), result)


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
