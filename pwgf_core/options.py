"""The options of the command line, and the problem and the scheme that they name."""

from __future__ import annotations

import argparse
import inspect
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

import torch

from . import __version__
from .errors import check_count, check_device, check_memory
from .flow import Scheme
from .linalg import Dense, Dual, Minres
from .metrics import Relaxed, Wasserstein
from .problems import PROBLEMS, TRANSFORMS
from .problems.plane import REFERENCES
from .problems.styblinski_tang import FRAMES
from .reference import SAMPLINGS
from .schemes import (
    BiLevel,
    BiLevelNetwork,
    Explicit,
    ImplicitRelaxed,
    LinearlyImplicit,
    StepDoubling,
)
from .schemes.explicit import FORMS, TABLEAUX
from .state import Problem

DTYPES = {"float32": torch.float32, "float64": torch.float64}
SCHEMES = ("relaxed", "implicit", "linearly-implicit", "bilevel")
SOLVERS = {"minres": Minres, "dense": Dense, "dual": Dual}
METRICS = {"relaxed": Relaxed, "wasserstein": Wasserstein}


def one_line(message: object) -> str:
    """The message without line breaks and other white space that would hide it."""
    return " ".join(str(message).split())


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line and exits with code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {one_line(message)} (--help lists the options)\n")


def parser() -> Parser:
    """The command line's options; those left out are the problem's defaults."""
    about = "Wasserstein gradient flows on generative models."
    top = Parser(prog="python -m pwgf_core", description=about)
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, parser_class=Parser)
    commands.add_parser("list", help="list the problems")
    run = commands.add_parser("run", help="solve a problem and compare with its exact solution")
    run.add_argument("name", metavar="NAME", help="a problem; `list` names them")
    run.add_argument("--scheme", choices=SCHEMES, default="relaxed", help="time step of θ")
    run.add_argument("--h", type=float, help="largest time step")
    run.add_argument("--t-end", type=float, help="final time")
    run.add_argument("--samples", type=int, help="points drawn from λ at each step")
    run.add_argument("--sampling", choices=SAMPLINGS, help="how they are drawn")
    run.add_argument("--transform", choices=TRANSFORMS, help="family of the maps T_θ")
    run.add_argument("--layers", type=int, help="layers K, or units of a network")
    run.add_argument(
        "--integrator",
        choices=TABLEAUX,
        help="of the relaxed scheme; adaptive also of the others, by step doubling",
    )
    run.add_argument("--form", choices=FORMS, default="velocity", help="of the right-hand side")
    run.add_argument("--metric", choices=METRICS, default="relaxed", help="Ĝ, or G")
    run.add_argument(
        "--psi", choices=["galerkin", "network"], default="galerkin", help="bi-level potentials"
    )
    run.add_argument("--targets", type=Path, metavar="FILE", help="solve every case of a file")
    run.add_argument("--rotate", type=int, metavar="SEED", help="turn the problem at random")
    run.add_argument("--frame", choices=FRAMES, help="first directions of the planar layers")
    run.add_argument("--reference", choices=REFERENCES, help="λ of porous_medium_2d")
    run.add_argument(
        "--diffusion", type=float, metavar="D", help="of the Ornstein–Uhlenbeck problems"
    )
    run.add_argument("--solver", choices=SOLVERS, help="products, the matrix Ĝ, or JJᵀ")
    run.add_argument("--device", default="cpu", help="cpu, cuda or cuda:INDEX")
    run.add_argument("--dtype", choices=DTYPES)
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--record", type=int, default=20, help="number of recorded times")
    run.add_argument(
        "--out", type=Path, metavar="DIR", help="write metrics.json and run.safetensors"
    )
    run.add_argument(
        "--resume", action="store_true", help="go on with the run in --out, also to a later end"
    )
    run.add_argument("--checkpoint-every", type=int, default=100, metavar="N", help="steps")
    run.add_argument(
        "--retries", type=int, default=0, metavar="K", help="halve a failing step up to K times"
    )
    run.add_argument(
        "--save-samples", type=int, metavar="N", help="write N samples a recorded time"
    )
    run.add_argument(
        "--timeout", type=float, default=300.0, metavar="SECONDS", help="to wait for a process"
    )
    run.add_argument("--quiet", action="store_true", help="no progress bar")
    return top


def build(args: argparse.Namespace) -> tuple[Problem, Scheme]:
    """The problem and the scheme that the options name. Raises `ValueError` if they cannot be."""
    if args.name not in PROBLEMS:
        near = get_close_matches(args.name, PROBLEMS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        names = ", ".join(sorted(PROBLEMS))
        raise ValueError(f"NAME must be one of {names}, got {args.name!r}{hint}")
    if (args.resume or args.save_samples is not None) and args.out is None:
        raise ValueError("--resume and --save-samples need --out DIR")
    if args.save_samples is not None:
        check_count("--save-samples", args.save_samples)
    check_device("--device", args.device)
    factory = PROBLEMS[args.name]
    own = ("transform", "layers", "rotate", "frame", "reference", "diffusion")
    options = {name: getattr(args, name) for name in own}
    options |= {"dtype": DTYPES.get(args.dtype), "seed": args.seed, "device": args.device}
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in inspect.signature(factory).parameters:
            raise ValueError(f"--{name} is not an option of {args.name}")
    problem = factory(**given)
    if args.save_samples is not None:
        numbers = (args.record + 1.0) * args.save_samples * problem.model.dim
        check_memory("--save-samples", args.save_samples, numbers)
    h = problem.h if args.h is None else args.h
    return problem, make_scheme(args, problem, h)


def make_scheme(args: argparse.Namespace, problem: Problem, h: float) -> Scheme:
    """The scheme that the options name; refuses options that it would not use."""
    explicit, linear = args.scheme == "relaxed", args.scheme == "linearly-implicit"
    if args.psi != "galerkin" and args.scheme != "bilevel":
        raise ValueError("--psi network belongs to --scheme bilevel")
    if args.form != "velocity" and not explicit:
        raise ValueError("--form belongs to --scheme relaxed")
    if args.integrator not in (None, "adaptive") and not explicit:
        raise ValueError(f"--integrator {args.integrator} belongs to --scheme relaxed")
    if args.integrator and args.psi == "network":
        raise ValueError("--integrator does not go with --psi network")
    if (args.solver or args.metric != "relaxed") and not (explicit or linear):
        raise ValueError("--solver and --metric belong to --scheme relaxed or linearly-implicit")
    metric = METRICS[args.metric]()
    solver = SOLVERS[args.solver]() if args.solver else problem.solver
    if explicit:
        return Explicit(h, args.integrator or problem.method, args.form, solver, metric)
    if args.psi == "network":
        return BiLevelNetwork(h)
    implicit: ImplicitRelaxed | LinearlyImplicit
    if linear:
        implicit = LinearlyImplicit(h, solver, metric)
    else:
        implicit = ImplicitRelaxed(h) if args.scheme == "implicit" else BiLevel(h)
    return StepDoubling(implicit) if args.integrator else implicit
