"""What a run goes on from: samples drawn again, records of whole steps, the stored run itself."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from torch import Generator

from .errors import check_count, check_device
from .state import Info, Problem, State
from .trajectory import Trajectory


def step_generator(
    seed: int, step: int, device: torch.device | str = "cpu", stream: int | None = None
) -> Generator:
    """The generator of a step's sample: it depends on (seed, step) only, so runs can resume.

    Another `stream` gives numbers for another purpose at the same step.
    """
    check_count("seed", seed, 0)
    check_count("step", step, 0)
    if not isinstance(device, torch.device):  # else it is that of a tensor
        check_device("device", device)
    if stream is not None:
        check_count("stream", stream, 0)
    words = [seed, step] if stream is None else [seed, step, stream]
    word = int(np.random.SeedSequence(words).generate_state(1)[0])
    return Generator(device).manual_seed(word)


def recorded_times(t_end: float, record: int) -> list[float]:
    """The times above 0 that a run records, at `record` equal intervals."""
    return [t_end * i / record for i in range(1, record)] + [t_end]


def append(run: Trajectory, info: Info, state: State, recorded: bool) -> None:
    """Add a step; the state comes last, so that an interrupt in between leaves it as it was."""
    for name, value in {"t": run.state.t, **asdict(info)}.items():
        column = run.history.setdefault(name, [])
        column[run.state.step :] = [value]
    if recorded:
        run.times.append(state.t)
        run.thetas.append(state.theta)
    run.state = state


def drop_unfinished(run: Trajectory) -> None:
    """Remove what an interrupt left of a step that did not end."""
    for column in run.history.values():
        del column[run.state.step :]
    recorded = sum(t <= run.state.t for t in run.times)
    del run.times[recorded:], run.thetas[recorded:]


def continued(
    stored: Trajectory, problem: Problem, settings: dict[str, Any], targets: list[float]
) -> Trajectory:
    """A copy of the stored run to go on with, if it is one of this problem and these settings.

    It may go on to a later end, where its own recorded times are the first of the `targets`: every
    step, cut at the next of them, is then that of a run straight to the later end.
    """
    times = ("t_end", "record")
    names = [*settings, *(["growth"] if "growth" in stored.settings else [])]
    if _is_start(targets, *map(stored.settings.get, times)):
        names = [name for name in names if name not in times]
    differ = [k for k in dict.fromkeys(names) if stored.settings.get(k) != settings.get(k)]
    if differ:
        advice = "; a run goes on to a later t_end if all its recorded times stay, as with t_end "
        raise ValueError(
            "cannot resume: the stored run has "
            + ", ".join(f"{k}={stored.settings.get(k)!r}" for k in differ)
            + " instead of "
            + ", ".join(f"{k}={settings.get(k)!r}" for k in differ)
            + (f"{advice}and record twice as large" if set(differ) <= {*times} else "")
        )
    theta0 = stored.thetas[0].to(problem.theta0.device)
    if theta0.shape != problem.theta0.shape:
        shapes = f"{tuple(theta0.shape)} instead of {tuple(problem.theta0.shape)}"
        raise ValueError(f"cannot resume: the stored run has theta of shape {shapes}")
    if not torch.allclose(theta0, problem.theta0, rtol=1e-3, atol=1e-3):  # a fit may vary a little
        raise ValueError("cannot resume: the stored run started at another theta")
    if stored.history:
        generator = step_generator(settings["seed"], 0, theta0.device)
        draw = problem.model.reference.draw
        z = draw(settings["samples"], generator, theta0.dtype, settings["sampling"])
        energy = float(problem.energy.value(problem.model.linearize(theta0, z)[0]))
        first = stored.history["energy"][0]
        if abs(energy - first) > torch.finfo(theta0.dtype).eps ** 0.5 * (1 + abs(first)):
            raise ValueError(
                f"cannot resume: the stored run started at the energy {first:.9g}, and this "
                f"problem starts at {energy:.9g}"
            )
    ended = stored.status == "completed" and stored.settings["t_end"] == settings["t_end"]
    run = replace(
        stored,
        settings=stored.settings | settings,
        status="completed" if ended else "running",
        message="",
        times=list(stored.times),
        thetas=list(stored.thetas),
        history={k: list(v) for k, v in stored.history.items()},
        e0=stored.e0 or problem.e0,
    )
    full = 1 + sum(t <= stored.state.t for t in targets)  # not the state where the run stopped
    del run.times[full:], run.thetas[full:]
    return run


def _is_start(targets: list[float], t_end: Any, record: Any) -> bool:
    """Whether these are the recorded times of a run to `t_end`, and perhaps later ones."""
    return (
        isinstance(record, int)
        and 0 < record <= len(targets)
        and targets[record - 1] == t_end
        and targets[:record] == recorded_times(t_end, record)
    )
