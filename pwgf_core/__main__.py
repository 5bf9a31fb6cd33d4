"""Command line: `python -m pwgf_core list` and `python -m pwgf_core run NAME [options]`.

Several processes: `torchrun --nproc-per-node=P -m pwgf_core run NAME [options]`.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable

from tqdm.std import tqdm

from .checkpoint import write_atomically
from .distributed import start, world
from .errors import check_folder
from .evaluation import Evaluation, evaluate
from .flow import evolve
from .linalg import Status
from .options import build, one_line, parser
from .problems import PROBLEMS
from .run_files import json_file, stored_run, write_files
from .state import Problem
from .targets import SCHEME, TIMES, read_targets, run_targets

EXIT = {"completed": 0, "failed": 1, "interrupted": 130}


def table(problem: Problem, result: Evaluation) -> str:
    """The error table that a run prints."""
    head = ["t", "energy", *(["exact energy"] if problem.exact else []), *result.errors]
    lines = ["  ".join(f"{h:>16}" for h in head)]
    for i, t in enumerate(result.times):
        row = [t, result.energy[i]]
        row += [problem.exact.energy(t)] if problem.exact else []
        row += [v[i] for v in result.errors.values()]
        lines.append("  ".join(f"{x:16.6g}" for x in row))
    if result.errors:
        lines.append("The errors are distances to the exact solution at t; see `evaluate`.")
    return "\n".join(lines)


def targets_command(args: argparse.Namespace) -> int:
    """Solve every case of the file with one setting; print a line a case, write metrics.json."""
    if args.name != "ornstein_uhlenbeck":
        raise ValueError(f"--targets is for ornstein_uhlenbeck, not {args.name}")
    transform = args.transform or "planar"
    cases = run_targets(
        read_targets(args.targets), transform, args.samples, args.seed, not args.quiet
    )
    if world().rank:
        return 0
    print(f"{'dim':>4}{'seed':>6}{'seconds':>9}   symmetric KL at t = 0.5 and 0.9")
    for case in cases:
        values = "  ".join(f"{x:.3e}" for x in case.get("symmetric_kl", [])) or case["status"]
        print(f"{case['dim']:4}{case['seed']:6}{case['seconds']:9.1f}   {values}")
    if args.out:
        settings = {"scheme": repr(SCHEME), "transform": transform, "seed": args.seed}
        content = {"problem": args.name, "settings": settings, "times": TIMES, "cases": cases}
        write_atomically(args.out / "metrics.json", json_file(content))
    return EXIT["completed" if all(c["status"] == "completed" for c in cases) else "failed"]


def until_terminated() -> Callable[..., bool]:
    """A callback that stops the run after SIGTERM, by which torchrun ends the others of a job."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    return lambda *_: not ended.is_set()


def run_command(args: argparse.Namespace) -> int:
    """Run, print the table, write the files; the exit code says how the run ended."""
    if args.out:
        check_folder("--out", args.out)  # before the work, not after it
    start(args.timeout)
    if args.targets:
        return targets_command(args)
    problem, scheme = build(args)
    stored = args.out / "run.safetensors" if args.out else None
    resume = stored_run(stored, args.resume, args.device) if stored else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # said below, in one line
        run = evolve(
            problem,
            scheme,
            t_end=args.t_end,
            samples=args.samples,
            sampling=args.sampling,
            seed=args.seed,
            record=args.record,
            progress=not args.quiet,
            checkpoint=stored,
            checkpoint_every=args.checkpoint_every,
            resume=resume,
            retries=args.retries,
            callback=until_terminated() if world().size > 1 else None,
        )
    if world().rank:
        return 0  # the first process has the run, and says how it ended
    result = evaluate(problem, run)
    tqdm.write(table(problem, result))
    print(f"{run.status} after {run.state.step} steps, {run.seconds:.1f} s. {run.message}".rstrip())
    for status, count in Counter(run.history.get("status", [])).items():
        if status != Status.CONVERGED:
            print(f"{count} of the steps ended with {status}; the errors above are with them.")
            print(f"In Python, Problem(solver=...): {Status(status).advice}")
    if any(run.history.get("retries", [])):
        repeated, smallest = sum(map(bool, run.history["retries"])), min(run.history["h"])
        print(f"{repeated} of them were repeated with a smaller step, down to h = {smallest:.3g}")
    if run.status == "interrupted" and stored:
        print("The same command with --resume goes on from here.")
    lost = write_files(args, problem, run, result)
    for line in lost:
        print(f"pwgf_core: error: {line}", file=sys.stderr)
    return EXIT[run.status] or EXIT["failed" if lost else "completed"]


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    args = parser().parse_args(argv)
    for name, value in vars(args).items():
        if value == []:  # what argparse makes of --NAME=--
            parser().error(f"--{name.replace('_', '-')} must have a value, got '--'")
    if args.command == "list":
        for name, factory in PROBLEMS.items():
            print(f"{name:24} {(factory.__doc__ or '').splitlines()[0]}")
        return 0
    try:
        return run_command(args)
    except (ValueError, OSError) as error:
        print(f"pwgf_core: error: {one_line(error)}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error):
            raise
        print(f"pwgf_core: error: out of memory: {one_line(error)[:200]}", file=sys.stderr)
        return EXIT["failed"]


if __name__ == "__main__":
    sys.exit(main())
