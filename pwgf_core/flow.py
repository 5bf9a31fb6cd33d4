"""The only time loop."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from tqdm.std import tqdm

from . import __version__, distributed
from .checked_step import MOST_RETRIES, Scheme, checked_step
from .distributed import LostProcessError, World, check_agreement, sharded
from .errors import (
    NumericalError,
    check_choice,
    check_count,
    check_function,
    check_method,
    check_positive,
    check_type,
)
from .growth import Growth, grow, grown
from .limits import check_run
from .reference import SAMPLINGS
from .resume import append, continued, drop_unfinished, recorded_times, step_generator
from .state import Info, Problem, State
from .trajectory import Trajectory

BAR = "{l_bar}{bar}| t = {n:.3g} of {total:.3g} [{elapsed}<{remaining}{postfix}]"


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
    retries: int = 0,
    growth: Growth | None = None,
) -> Trajectory:
    """Run `scheme` on `problem` from t = 0 to `t_end` and record θ at `record` equal intervals.

    Each step draws a fresh sample from λ. Schemes of a fixed step take equal steps, of the largest
    size at most `scheme.h` that meets every recorded time. `callback(state, info)` is called after
    each step; returning False stops the run. With `growth` the map is enlarged on the way where
    its tangent space misses too much of the velocity; `problem` stays that of the start.

    `checkpoint` names a file that is rewritten every `checkpoint_every` steps and at the end. A
    loaded `Trajectory` given as `resume` goes on where it stopped, to the same bits as an unbroken
    run on this machine. A file that cannot be written warns once; the run goes on, and
    `Trajectory.unsaved` says why the last one failed.

    In a job of several processes (`torchrun`, or a process group of one's own) each process holds
    its part of the one sample, all get the same run, and the first writes the checkpoints, from
    which any number of processes resumes. Where another process is lost, the run is `interrupted`.

    Ctrl-C and numerical failure end the run without losing it: `Trajectory.status` says
    `interrupted` or `failed` and the last good state is recorded. A failure also warns. A step
    fails where a value is not finite, the map has no inverse that the energy needs, a solver
    stagnates, or the energy on its sample is above F(0) + 3 + |F(0)|. With `retries` = K it is then
    repeated from the last good state with the largest step halved, up to h/2^K; after four good
    steps it doubles again. The energy may then not rise by more than 0.01 (1 + |F|) in one step.
    `retries` may change on resuming, and `t_end` and `record` may grow where the recorded times so
    far stay: twice both goes on to the same bits as a run straight to twice `t_end`.

    Raises `ValueError` for settings out of range, and if the settings of `resume`, its first θ or
    the energy there differ.

    >>> from pwgf_core import Explicit, problem
    >>> ou = problem("ornstein_uhlenbeck_10d", transform="affine")
    >>> run = evolve(ou, Explicit(h=0.1), t_end=0.2, samples=256, record=2, progress=False)
    >>> run.status, run.times, run.state.step
    ('completed', [0.0, 0.1, 0.2], 2)
    """
    check_type("problem", problem, Problem)
    check_method("scheme", scheme, "step")
    check_positive("h", scheme.h)
    t_end = problem.t_end if t_end is None else t_end
    samples = problem.samples if samples is None else samples
    sampling = problem.sampling if sampling is None else sampling
    check_positive("t_end", t_end)
    distributed.start()
    processes = distributed.world()
    check_count("samples", samples)
    check_choice("sampling", sampling, SAMPLINGS)
    check_count("seed", seed, 0)
    check_count("record", record)
    check_count("checkpoint_every", checkpoint_every)
    check_type("progress", progress, bool)
    if callback is not None:
        check_function("callback", callback)
    if resume is not None:
        check_type("resume", resume, Trajectory)
    solver = getattr(scheme, "solver", None) or problem.solver
    check_run(problem, scheme.h, t_end, samples, record, solver)
    check_count("retries", retries, 0)
    if growth is not None:
        check_type("growth", growth, Growth)
        if processes.size > 1:
            raise ValueError(f"growth needs one process, got {processes.size}")
    if retries > MOST_RETRIES:
        raise ValueError(f"retries must be at most {MOST_RETRIES}, got {retries}")
    targets = recorded_times(t_end, record)
    settings = {
        "problem": problem.name,
        "transform": repr(problem.model.transform),
        "scheme": repr(scheme),
        "solver": repr(problem.solver),
        "t_end": t_end,
        "h": scheme.h,
        "samples": samples,
        "sampling": sampling,
        "seed": seed,
        "record": record,
        "dtype": str(problem.theta0.dtype).removeprefix("torch."),
        "version": __version__,
    }
    if growth is not None:
        settings["growth"] = repr(growth)
    if resume is None:
        state = State(problem.theta0)
        run = Trajectory([0.0], [state.theta], state, settings, e0=problem.e0)
    else:
        if growth is not None or resume.growths:
            problem = grown(problem, resume.growths, resume.thetas[0])
        run = continued(resume, problem, settings, targets)
        if run.status == "completed":
            return run
    device = problem.theta0.device
    checkpoint = None if processes.rank else checkpoint
    bar = tqdm(
        total=t_end, disable=not progress or processes.rank > 0, desc=problem.name, bar_format=BAR
    )
    start, before = time.perf_counter(), run.seconds
    told: list[str] = []

    def save() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        run.seconds = before + time.perf_counter() - start
        if checkpoint is None:
            return
        try:
            run.save(checkpoint)
            run.unsaved = ""
        except OSError as error:
            run.unsaved = (
                f"the checkpoint {checkpoint} could not be written: {error.strerror or error}"
            )
            if not told:
                told.append(run.unsaved)
                warnings.warn(f"{run.unsaved}; the run goes on", RuntimeWarning, stacklevel=3)

    try:
        for last, target in zip([0.0, *targets], targets, strict=False):
            while run.state.t < target:
                if growth is not None and growth.due(run.state.step):
                    problem, run = _grow(problem, run, growth, seed)
                state = run.state
                generator = step_generator(seed, state.step, device)
                z = problem.model.reference.draw(samples, generator, problem.theta0.dtype, sampling)
                with sharded(processes):
                    part = processes.shard(z)
                    state, info = checked_step(problem, scheme, run, part, (last, target), retries)
                    check_agreement("the energy", torch.tensor(info.energy, device=device))
                    check_agreement("theta", state.theta)
                if target - state.t < 1e-9 * t_end:
                    state = replace(state, t=target)
                append(run, info, state, recorded=state.t == target)
                bar.update(state.t - bar.n)
                bar.set_postfix(step=state.step, energy=f"{info.energy:.4g}", refresh=False)
                if state.step % checkpoint_every == 0:
                    save()
                if callback is not None:
                    stop = torch.tensor(callback(state, info) is False, device=device)
                    if _anywhere(processes, stop):
                        raise KeyboardInterrupt("stopped by the callback")
        run.status = "completed"
    except KeyboardInterrupt as stop:
        run.status, run.message = "interrupted", str(stop) or "stopped by the user"
    except LostProcessError as error:
        run.status, run.message = "interrupted", f"at t = {run.state.t:.6g}: {error}"
    except NumericalError as error:
        run.status, run.message = "failed", f"at t = {run.state.t:.6g}: {error}"
    bar.close()
    drop_unfinished(run)
    if run.times[-1] < run.state.t:
        run.times.append(run.state.t)
        run.thetas.append(run.state.theta)
    save()
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


def _anywhere(processes: World, stop: Tensor) -> bool:
    """Whether one of the processes stops: all of them have to stop at the same step."""
    return bool(processes.reduce(stop.int(), "max") if processes.size > 1 else stop)
