"""The files that the command line keeps in --out: the run, its figures, its samples."""

from __future__ import annotations

import argparse
import json
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .checkpoint import write_atomically
from .evaluation import Evaluation, evaluation_cloud
from .state import Problem
from .trajectory import Trajectory


def stored_run(path: Path, resume: bool, device: str) -> Trajectory | None:
    """The run to go on with, if there is one; says in a line what is not as one might expect.

    Raises `ValueError` if there is a file that holds no run: it is not overwritten.
    """
    if not path.exists():
        if resume:
            print(f"pwgf_core: there is no {path} to resume: starting anew", file=sys.stderr)
        return None
    try:
        run = Trajectory.load(path, device)
    except ValueError as error:
        raise ValueError(f"{error}; remove it to start anew, or name another --out") from None
    if resume:
        return run
    if run.status != "completed":
        where = f"{path}, which stands at t = {run.state.t:.6g}"
        print(f"pwgf_core: replacing the unfinished run {where}; --resume goes on", file=sys.stderr)
    return None


def metrics(args: argparse.Namespace, run: Trajectory, result: Evaluation) -> dict[str, Any]:
    """The content of metrics.json; the entries of t = 0 are left out."""
    device = torch.device(args.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {
        "problem": args.name,
        "scheme": args.scheme,
        "settings": run.settings,
        "e0": run.e0,
        "device": name,
        "seconds": run.seconds,
        "steps": run.state.step,
        "times": result.times[1:],
        "energy": result.energy[1:],
        "errors": {k: v[1:] for k, v in result.errors.items()},
        "status": run.status,
    }


def samples_file(problem: Problem, run: Trajectory, n: int) -> bytes:
    """samples.npz: `t` (times,) and `x` (times, n, d), the same reference points at every time."""
    x = [
        evaluation_cloud(problem, theta, max(n, problem.model.dim + 1)).x[:n]
        for theta in run.thetas
    ]
    file = BytesIO()
    np.savez(file, t=np.array(run.times), x=torch.stack(x).cpu().numpy())
    return file.getvalue()


def json_file(content: dict[str, Any]) -> bytes:
    """metrics.json."""
    return (json.dumps(content, indent=1) + "\n").encode()


def write_files(
    args: argparse.Namespace, problem: Problem, run: Trajectory, result: Evaluation
) -> list[str]:
    """Write metrics.json and samples.npz; what could not be written of the run, and why."""
    lost = [run.unsaved] if run.unsaved else []
    if args.out is None:
        return lost
    contents = {"metrics.json": json_file(metrics(args, run, result))}
    if args.save_samples is not None:
        contents["samples.npz"] = samples_file(problem, run, args.save_samples)
    for name, content in contents.items():
        try:
            write_atomically(args.out / name, content)
        except OSError as error:
            lost.append(f"{args.out / name} could not be written: {error.strerror or error}")
    return lost
