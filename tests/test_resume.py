"""The file of a run, and going on from it to the same result."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small_run import EXACT, PROBLEM, SCHEME, assert_equal, run, stop_after

from pwgf_core import (
    Entropy,
    Explicit,
    Info,
    InitialFit,
    LinearlyImplicit,
    Potential,
    State,
    StepDoubling,
    Trajectory,
)
from pwgf_core.flow import Scheme

ADAPTIVE = Explicit(0.1, "adaptive")
DOUBLING = StepDoubling(LinearlyImplicit(0.1))


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


@pytest.mark.parametrize(
    "scheme", [SCHEME, ADAPTIVE, DOUBLING], ids=["midpoint", "adaptive", "doubling"]
)
@pytest.mark.parametrize("steps", [6, 1000], ids=["interrupted", "completed"])
def test_a_run_goes_on_to_a_later_end(scheme: Scheme, steps: int, tmp_path: Path) -> None:
    """Twice the end with twice the records: the same intervals, to which every step keeps."""
    path = tmp_path / "run"
    part = run(scheme=scheme, callback=stop_after(steps), checkpoint=path)
    assert part.times[-1] == part.state.t
    assert part.status == ("interrupted" if steps == 6 else "completed")
    whole = run(scheme=scheme, t_end=1.6, record=8)
    longer = run(Trajectory.load(path), scheme=scheme, t_end=1.6, record=8)
    assert longer.times[:5] == run(scheme=scheme).times
    assert_equal(longer, whole)


def test_a_run_that_retries_goes_on_to_a_later_end() -> None:
    stiff = replace(PROBLEM, energy=Potential.quadratic(EXACT.mu, 12 * EXACT.precision) + Entropy())
    part = run(problem=stiff, retries=6)
    assert any(part.history["halvings"])
    whole = run(problem=stiff, retries=6, t_end=1.6, record=8)
    assert_equal(run(part, problem=stiff, retries=6, t_end=1.6, record=8), whole)


@pytest.mark.parametrize(("t_end", "record"), [(0.4, 2), (1.6, 4), (1.6, 9), (0.8, 8), (1.2, 5)])
def test_other_recorded_times_are_refused(t_end: float, record: int) -> None:
    """An earlier end, or one whose recorded times cut other steps."""
    with pytest.raises(ValueError, match=r"cannot resume: .* if all its recorded times stay"):
        run(run(), t_end=t_end, record=record)


def test_resuming_adds_up_the_seconds() -> None:
    part = run(callback=stop_after(8))
    assert run(part).seconds > part.seconds


def test_the_distance_of_the_initial_data_stays_in_the_record(tmp_path: Path) -> None:
    fit = InitialFit(PROBLEM.theta0, 0.25, "map_bound", 0.0, True, 3)
    problem = replace(PROBLEM, initial=fit)
    part = run(problem=problem, callback=stop_after(4), checkpoint=tmp_path / "run")
    assert part.e0 == {"value": 0.25, "kind": "map_bound", "floor": 0.0}
    whole = run(Trajectory.load(tmp_path / "run"), problem=problem)
    assert whole.e0 == part.e0
    assert_equal(whole, run())  # E0 changes no step


def test_a_record_without_that_distance_goes_on() -> None:
    whole = run(replace(run(callback=stop_after(4)), e0={}))
    assert whole.e0 == PROBLEM.e0
    assert_equal(whole, run())


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
