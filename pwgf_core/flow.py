"""The only time loop, and the record of a run."""

from __future__ import annotations

import json
import math
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Generator, Tensor
from tqdm.std import tqdm

from .errors import NumericalError, check_choice, check_count, check_positive
from .growth import Growth, grow, grown
from .linalg import Solution, Status
from .reference import SAMPLINGS
from .state import Info, Problem, State

BAR = "{l_bar}{bar}| t = {n:.3g} of {total:.3g} [{elapsed}<{remaining}{postfix}]"
NAMES = ("times", "settings", "history", "status", "message", "seconds", "e0", "growths")  # JSON


class Scheme(Protocol):
    """A frozen dataclass with a largest time step `h`, and one method that keeps to `limit`."""

    @property
    def h(self) -> float: ...

    def step(
        self, problem: Problem, state: State, z: Tensor, limit: float = math.inf
    ) -> tuple[State, Info]: ...


@dataclass
class Trajectory:
    """Record of a run: θ at `times`, the report of every step, and how it ended.

    `times` (R,) starts at 0; `thetas` (R, m). `history` holds one list per field of `Info`, one
    entry per step, and the time `t` before the step. `status` is `completed`, `interrupted` or
    `failed`, `message` says why; `state` is the last good state, from which `evolve` resumes;
    `seconds` is the time spent in the steps; `e0` is the problem's E0, the distance of ρ_θ0 to the
    initial data, empty in files that are older than this entry. Where the map has grown, `growths`
    holds the reports of `grow`, and all θ, also those of earlier times, are those of the last
    family: inserted layers are the identity before they move, so that every ρ_θ is what it was.
    `grown(problem, run.growths, run.thetas[0])` is the problem with that family.
    """

    times: list[float]
    thetas: list[Tensor]
    state: State
    settings: dict[str, Any]
    history: dict[str, list[Any]] = field(default_factory=dict)
    status: str = "running"
    message: str = ""
    seconds: float = 0.0
    e0: dict[str, Any] = field(default_factory=dict)
    growths: list[dict[str, Any]] = field(default_factory=list)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one safetensors file: tensors, and the rest as JSON in its header; no pickle."""
        tensors = {"thetas": torch.stack(self.thetas), "theta": self.state.theta}
        meta = {k: getattr(self, k) for k in NAMES}
        meta |= {k: getattr(self.state, k) for k in ("t", "step", "h")}
        if self.state.psi is not None:
            tensors["psi"] = self.state.psi
        if self.state.solution is not None:
            solution = asdict(self.state.solution)
            tensors["solution"] = solution.pop("x")
            meta["solution"] = solution
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        save_file(
            {k: v.contiguous() for k, v in tensors.items()}, partial, {"run": json.dumps(meta)}
        )
        partial.replace(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str = "cpu") -> Trajectory:
        """Read what `save` wrote. Raises `ValueError` if the file holds no run."""
        with safe_open(path, framework="pt", device=device) as file:
            header = file.metadata() or {}
            if "run" not in header:
                raise ValueError(f"{path} holds no run")
            meta = json.loads(header["run"])
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        solution = None
        if "solution" in meta:
            status = Status(meta["solution"].pop("status"))
            solution = Solution(x=tensors["solution"], status=status, **meta["solution"])
        psi = tensors.get("psi")
        state = State(tensors["theta"], meta["t"], meta["step"], solution, meta["h"], psi)
        kept = {k: meta[k] for k in NAMES if k in meta}  # older files have no e0
        return cls(thetas=list(tensors["thetas"]), state=state, **kept)


def step_generator(
    seed: int, step: int, device: torch.device | str = "cpu", stream: int | None = None
) -> Generator:
    """The generator of a step's sample: it depends on (seed, step) only, so runs can resume.

    Another `stream` gives numbers for another purpose at the same step.
    """
    words = [seed, step] if stream is None else [seed, step, stream]
    word = int(np.random.SeedSequence(words).generate_state(1)[0])
    return Generator(device).manual_seed(word)


def evolve(
    problem: Problem,
    scheme: Scheme,
    *,
    t_end: float | None = None,
    samples: int | None = None,
    sampling: str | None = None,
    seed: int = 0,
    record: int = 20,
    progress: bool = True,
    callback: Callable[[State, Info], object] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 100,
    resume: Trajectory | None = None,
    growth: Growth | None = None,
) -> Trajectory:
    """Run `scheme` on `problem` from t = 0 to `t_end` and record θ at `record` equal intervals.

    Each step draws a fresh sample from λ. Schemes of a fixed step take equal steps, of the largest
    size at most `scheme.h` that meets every recorded time. `callback(state, info)` is called after
    each step; returning False stops the run. `checkpoint` names a file that is rewritten every
    `checkpoint_every` steps and at the end; a loaded `Trajectory` given as `resume` goes on where
    it stopped, to the same result as an unbroken run. With `growth` the map is enlarged on the way
    where its tangent space misses too much of the velocity; `problem` stays that of the start.

    Ctrl-C and numerical failure end the run without losing it: `Trajectory.status` says
    `interrupted` or `failed` and the last good state is recorded. A failure also warns.

    Raises `ValueError` for settings out of range, and if the settings of `resume` differ.

    >>> from pwgf_core import Explicit, problem
    >>> ou = problem("ornstein_uhlenbeck_10d", transform="affine")
    >>> run = evolve(ou, Explicit(h=0.1), t_end=0.2, samples=256, record=2, progress=False)
    >>> run.status, run.times, run.state.step
    ('completed', [0.0, 0.1, 0.2], 2)
    """
    t_end = problem.t_end if t_end is None else t_end
    samples = problem.samples if samples is None else samples
    sampling = problem.sampling if sampling is None else sampling
    check_positive("t_end", t_end)
    check_count("samples", samples)
    check_choice("sampling", sampling, SAMPLINGS)
    check_count("seed", seed, 0)
    check_count("record", record)
    check_count("checkpoint_every", checkpoint_every)
    targets = [t_end * i / record for i in range(1, record)] + [t_end]
    settings = {
        "problem": problem.name,
        "transform": repr(problem.model.transform),
        "scheme": repr(scheme),
        "t_end": t_end,
        "h": scheme.h,
        "samples": samples,
        "sampling": sampling,
        "seed": seed,
        "record": record,
        "dtype": str(problem.theta0.dtype).removeprefix("torch."),
    }
    if growth is not None:
        settings["growth"] = repr(growth)
    if resume is None:
        state = State(problem.theta0)
        run = Trajectory([0.0], [state.theta], state, settings, e0=problem.e0)
    else:
        names = [*settings, *(["growth"] if "growth" in resume.settings else [])]
        differ = [k for k in dict.fromkeys(names) if resume.settings.get(k) != settings.get(k)]
        if differ:
            raise ValueError(
                "cannot resume: the stored run has "
                + ", ".join(f"{k}={resume.settings.get(k)!r}" for k in differ)
                + " instead of "
                + ", ".join(f"{k}={settings.get(k)!r}" for k in differ)
            )
        full = 1 + sum(t <= resume.state.t for t in targets)  # not the state where the run stopped
        run = replace(
            resume,
            status="running",
            message="",
            times=resume.times[:full],
            thetas=resume.thetas[:full],
            history={k: list(v) for k, v in resume.history.items()},
            e0=resume.e0 or problem.e0,
        )
        problem = grown(problem, run.growths, run.thetas[0]) if run.growths else problem
    device = problem.theta0.device
    bar = tqdm(total=t_end, disable=not progress, desc=problem.name, bar_format=BAR)
    start, before = time.perf_counter(), run.seconds

    def pause() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        run.seconds = before + time.perf_counter() - start

    try:
        for target in targets:
            while run.state.t < target:
                if growth is not None and growth.due(run.state.step):
                    problem, run = _grow(problem, run, growth, seed)
                state = run.state
                generator = step_generator(seed, state.step, device)
                z = problem.model.reference.draw(samples, generator, problem.theta0.dtype, sampling)
                state, info = scheme.step(problem, state, z, target - state.t)
                _check_descent(run, info)
                if target - state.t < 1e-9 * t_end:
                    state = replace(state, t=target)
                _append(run, info, state, recorded=state.t == target)
                bar.update(state.t - bar.n)
                bar.set_postfix(step=state.step, energy=f"{info.energy:.4g}", refresh=False)
                if checkpoint is not None and state.step % checkpoint_every == 0:
                    pause()
                    run.save(checkpoint)
                if callback is not None and callback(state, info) is False:
                    raise KeyboardInterrupt("stopped by the callback")
        run.status = "completed"
    except KeyboardInterrupt as stop:
        run.status, run.message = "interrupted", str(stop) or "stopped by the user"
    except NumericalError as error:
        run.status, run.message = "failed", f"at t = {run.state.t:.6g}: {error}"
    pause()
    bar.close()
    if run.times[-1] < run.state.t:
        run.times.append(run.state.t)
        run.thetas.append(run.state.theta)
    if checkpoint is not None:
        run.save(checkpoint)
    if run.status == "failed":
        warnings.warn(f"the run stopped {run.message}", RuntimeWarning, stacklevel=2)
    return run


def _grow(
    problem: Problem, run: Trajectory, growth: Growth, seed: int
) -> tuple[Problem, Trajectory]:
    """Problem and run in the family after the growth at this step, if there is one."""
    state = run.state
    if run.growths and run.growths[-1]["step"] == state.step:  # an interrupt came after it
        return problem, run
    generator = step_generator(seed, state.step, state.theta.device, stream=1)
    found = grow(problem, state, growth, generator)
    if found is None:
        return problem, run
    thetas = [found.insertion.embed(theta) for theta in run.thetas]
    growths = [*run.growths, found.report]
    return found.problem, replace(run, state=found.state, thetas=thetas, growths=growths)


def _check_descent(run: Trajectory, info: Info) -> None:
    """Raise `NumericalError` if the energy stands clearly above its first value, noise allowed."""
    first = run.history["energy"][0] if run.history else info.energy
    if not info.energy <= first + 3 + abs(first):
        raise NumericalError(
            f"the energy rose from {first:.4g} to {info.energy:.4g}, but a gradient flow lowers "
            "it: the step is too large for this problem; reduce h or use an implicit scheme"
        )


def _append(run: Trajectory, info: Info, state: State, recorded: bool) -> None:
    """Add a step; the state comes last, so that an interrupt in between leaves it as it was."""
    for name, value in {"t": run.state.t, **asdict(info)}.items():
        column = run.history.setdefault(name, [])
        column[run.state.step :] = [value]
    if recorded:
        run.times.append(state.t)
        run.thetas.append(state.theta)
    run.state = state
