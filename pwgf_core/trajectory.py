"""The record of a run, and its file."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from .checkpoint import read_checkpoint, write_checkpoint
from .linalg import Solution, Status
from .state import Info, State

NAMES = ("times", "settings", "history", "status", "message", "seconds", "e0", "growths")  # JSON
STATUSES = ("running", "completed", "interrupted", "failed")
COLUMNS = {"t", *(f.name for f in fields(Info))}


@dataclass
class Trajectory:
    """Record of a run: θ at `times`, the report of every step, and how it ended.

    `times` (R,) starts at 0; `thetas` (R, m). `history` holds one list per field of `Info`, one
    entry per step, and the time `t` before the step. `status` is `completed`, `interrupted` or
    `failed`, `message` says why; `state` is the last good state, from which `evolve` resumes;
    `seconds` is the time spent in the steps; `e0` is the problem's E0, the distance of ρ_θ0 to the
    initial data. Where the map has grown, `growths` holds the reports of `grow`, and all θ, also
    those of earlier times, are those of the last family: inserted layers are the identity before
    they move, so that every ρ_θ is what it was. `grown(problem, run.growths, run.thetas[0])` is the
    problem with that family. `unsaved` says why the last checkpoint could not be written; it is
    empty if it was, and is not part of the file.

    The sample of a step depends on the seed in `settings` and on `state.step` only, so these two
    numbers are the state of the random generator.
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
    unsaved: str = ""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one safetensors file, atomically: the old file stays until the new one is whole.

        Tensors, the rest as JSON in the header, a schema version and a checksum over all bytes; no
        pickle. Raises `OSError` if it cannot be written.
        """
        tensors = {"thetas": torch.stack(self.thetas), "theta": self.state.theta}
        record = {k: getattr(self, k) for k in NAMES}
        record |= {k: getattr(self.state, k) for k in ("t", "step", "h")}
        if self.state.psi is not None:
            tensors["psi"] = self.state.psi
        if self.state.solution is not None:
            solution = asdict(self.state.solution)
            tensors["solution"] = solution.pop("x")
            record["solution"] = solution
        write_checkpoint(path, tensors, record)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str = "cpu") -> Trajectory:
        """Read what `save` wrote, in every bit.

        Raises `ValueError` for any other file: another kind or schema, cut off, changed in a byte,
        with numbers that are not finite or parts that do not fit together; `OSError` if it cannot
        be read.
        """
        tensors, record = read_checkpoint(path, device)
        try:
            solution = record.pop("solution", None)
            if solution is not None:
                status = Status(solution.pop("status"))
                solution = Solution(x=tensors["solution"], status=status, **solution)
            t, step, h = (record[k] for k in ("t", "step", "h"))
            state = State(tensors["theta"], t, step, solution, h, tensors.get("psi"))
            kept = {k: record[k] for k in NAMES}
            run = cls(thetas=list(tensors["thetas"]), state=state, **kept)
            wrong = _wrong_part(run)
            if wrong:
                raise ValueError(f"its {wrong} does not fit the rest, or is not finite")
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{path} holds no run: {type(error).__name__}: {error}") from None
        return run


def _wrong_part(run: Trajectory) -> str:
    """The name of a part that does not fit the others, or ""."""
    state, m = run.state, len(run.state.theta)

    def vector(x: Tensor) -> bool:
        return x.ndim == 1 and x.is_floating_point() and bool(torch.isfinite(x).all())

    def fits(x: Tensor) -> bool:
        return vector(x) and len(x) == m and x.dtype == state.theta.dtype

    def column(name: str, values: list[Any]) -> bool:
        kinds = str if name == "status" else int | float
        return len(values) == state.step and all(isinstance(x, kinds) for x in values)

    times = run.times
    parts = {
        "theta": vector(state.theta),
        "thetas": len(run.thetas) == len(times) and all(fits(x) for x in run.thetas),
        "psi": state.psi is None or vector(state.psi),
        "solution": state.solution is None or fits(state.solution.x),
        "step": _number(state.step) and isinstance(state.step, int),
        "h": state.h is None or (_number(state.h) and state.h > 0),
        "times": isinstance(times, list)
        and all(map(_number, times))
        and times[0] == 0
        and all(a < b for a, b in zip(times, [*times[1:], math.inf], strict=True)),
        "t": _number(state.t) and state.t >= times[-1],
        "history": set(run.history) == (COLUMNS if state.step else set())
        and all(column(k, v) for k, v in run.history.items()),
        "settings": isinstance(run.settings, dict),
        "status": run.status in STATUSES,
        "message": isinstance(run.message, str),
        "seconds": _number(run.seconds),
        "e0": isinstance(run.e0, dict),
        "growths": isinstance(run.growths, list) and all(isinstance(g, dict) for g in run.growths),
    }
    return next((name for name, right in parts.items() if not right), "")


def _number(x: Any) -> bool:
    """Whether x is a finite number of at least zero."""
    return isinstance(x, int | float) and not isinstance(x, bool) and 0 <= x < math.inf
