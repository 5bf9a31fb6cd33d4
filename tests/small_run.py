"""A run of a few milliseconds on a two-dimensional problem, for the tests of the time loop."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
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
    evolve,
)
from pwgf_core.flow import Scheme

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
    scheme: Scheme = SCHEME,
    t_end: float = 0.8,
    record: int = 4,
    seed: int = 3,
    samples: int | None = None,
    sampling: str | None = None,
    callback: Callable[[State, Info], object] | None = None,
    checkpoint: Path | None = None,
    checkpoint_every: int = 100,
    retries: int = 0,
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
        retries=retries,
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
    assert json.dumps(a.history) == json.dumps(b.history)  # NaN included
    assert (a.settings, a.status, a.message) == (b.settings, b.status, b.message)
