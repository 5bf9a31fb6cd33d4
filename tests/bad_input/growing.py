"""Growth and pruning, certificates, machines, radial laws, and problems of unknown directions."""

import torch

from bad_input.case import (
    BAD_EYE,
    BAD_THETA,
    BAD_Z,
    INF,
    MODEL,
    NAN,
    SKEW,
    THETA,
    ZERO,
    Bad,
    Case,
    T,
    Z,
    any_,
    g,
)
from pwgf_core import (
    Affine,
    Cloud,
    Compose,
    Explicit,
    Gaussian,
    Growth,
    Machine,
    Planar,
    PushForward,
    RadialBlocks,
    Residual,
    State,
    TwoLayerReLU,
    certificate,
    evolve,
    grown,
    problem,
    prune,
    step_generator,
)
from pwgf_core.diagnostics import residual_along
from pwgf_core.growth import grow, insert, layer_costs, units
from pwgf_core.problems import gaussian_mixture, mixture_target, shells_10d
from pwgf_core.problems.unknown_directions import Mixture

HEAT = problem("heat", transform="affine")
START, GROWTH, REPORT = State(THETA), Growth(4), {"layers": 1, "family": "planar"}
LAYERED = PushForward(Gaussian(2), Planar(2, 3))
P = LAYERED.transform.init(g())
ROW, BIAS = Z[:1], Z[0, :1]
INSERTED = insert(T, ROW, BIAS)
TIMES, THETAS = [0.0, 0.5], [THETA, THETA]
MACHINE, LAW = Machine(1e10, 2e-6, 1e-9), Mixture(Z)
RADIAL = RadialBlocks([lambda r: r * r / 2], [5], cells=1000)
TURN, BAD_P = Bad(torch.eye(5).double()), Bad(P)


def quadratic(r: torch.Tensor) -> torch.Tensor:
    """The potential r²/2."""
    return r * r / 2


def into(transform: object) -> object:
    """A layer inserted into a map that cannot grow."""
    return insert(any_(transform), ROW, BIAS)


def step(growth: object) -> object:
    """A step with this growth."""
    return evolve(HEAT, Explicit(0.1), samples=8, progress=False, growth=any_(growth))


CASES = [
    # settings of growth
    Case(lambda: Growth(0), "layers", "0"),
    Case(lambda: Growth(any_(True)), "layers", "True"),
    Case(lambda: Growth(any_(2.0)), "layers", "2.0"),
    Case(lambda: Growth(2**63), "layers", str(2**63 - 1)),
    Case(lambda: Growth(3, biases=4), "layers", "biases = 4"),
    Case(lambda: Growth(4, block=0), "block", "0"),
    Case(lambda: Growth(4, block=1, biases=2), "block", "at least 2"),
    Case(lambda: Growth(4, every=-1), "every", "-1"),
    Case(lambda: Growth(4, biases=any_("two")), "biases", "'two'"),
    Case(lambda: Growth(4, samples=any_(1e3)), "samples", "1000.0"),
    Case(lambda: Growth(4, starts=0), "starts", "0"),
    Case(lambda: Growth(4, steps=any_(None)), "steps", "None"),
    Case(lambda: Growth(4, tol=0.0), "tol", "0.0"),
    Case(lambda: Growth(4, tol=NAN), "tol", "nan"),
    Case(lambda: Growth(4, spread=INF), "spread", "inf"),
    Case(lambda: Growth(4, share=-0.1), "share", "-0.1"),
    Case(lambda: Growth(4, scale=any_(False)), "scale", "False"),
    Case(lambda: Growth(4, family="relu"), "family", "'relu'"),
    Case(lambda: GROWTH.due(-1), "step", "-1"),
    Case(lambda: step(True), "growth", "True"),
    Case(lambda: step(4), "growth", "4"),
    Case(lambda: step({"layers": 4}), "growth", "{'layers': 4}"),
    Case(lambda: step(Growth), "growth", "Growth"),
    Case(lambda: step_generator(0, 0, stream=-1), "stream", "-1"),
    Case(lambda: step_generator(0, 0, stream=any_(True)), "stream", "True"),
    Case(lambda: step_generator(0, 0, stream=any_("grow")), "stream", "'grow'"),
    # growing
    Case(lambda: grow(any_(MODEL), START, GROWTH, g()), "problem", "PushForward"),
    Case(lambda: grow(HEAT, any_(THETA), GROWTH, g()), "state", "(6,)"),
    Case(lambda: grow(HEAT, START, any_(4), g()), "growth", "4"),
    Case(lambda: grow(HEAT, START, GROWTH, any_(0)), "generator", "0"),
    Case(lambda: grow(HEAT, State(THETA[:5]), GROWTH, g()), "theta", "(5,)"),
    Case(lambda: grow(HEAT, START, Growth(4, samples=10**13), g()), "samples", "GiB"),
    Case(lambda: into("planar"), "transform", "'planar'"),
    Case(lambda: into(Affine), "transform", "Affine"),
    Case(lambda: into(Residual(2, 3, "relu")), "transform", "'relu'"),
    Case(lambda: into(Compose(Planar(2, 1), Residual(2, 3, "relu"))), "transform", "'relu'"),
    Case(lambda: insert(TwoLayerReLU(3), ROW[:, :1], BIAS), "transform", "TwoLayerReLU(3"),
    Case(lambda: insert(Affine(2, "diagonal"), ROW, BIAS, "residual"), "transform", "'diagonal'"),
    Case(lambda: insert(T, BAD_Z.longer, Z[:, 0]), "w", "(8, 4)"),
    Case(lambda: insert(T, BAD_Z.flat, BIAS), "w", "(16,)"),
    Case(lambda: insert(T, BAD_Z.empty, BIAS[:0]), "w", "got 0"),
    Case(lambda: insert(T, BAD_Z.integer, Z[:, 0]), "w", "int64"),
    Case(lambda: insert(T, BAD_Z.nan, Z[:, 0]), "w", "NaN"),
    Case(lambda: insert(T, Z, BIAS), "b", "(1,)"),
    Case(lambda: insert(T, ROW, BIAS.half()), "b", "float16"),
    Case(lambda: insert(T, ROW, BIAS.float()), "b", "float32 on cpu and torch.float64"),
    Case(lambda: insert(T, ROW, BIAS / 0), "b", "∞"),
    Case(lambda: insert(T, ROW, any_(0.0)), "b", "0.0"),
    Case(lambda: insert(T, ROW, BIAS, "fourier"), "family", "'fourier'"),
    Case(lambda: INSERTED.embed(THETA[:5]), "theta", "(5,)"),
    Case(lambda: INSERTED.embed(BAD_THETA.integer), "theta", "int64"),
    Case(lambda: INSERTED.embed_tangent(BAD_THETA.longer), "xi", "(12,)"),
    Case(lambda: units(any_(T)), "jacobian", "Affine"),
    Case(lambda: grown(any_(MODEL), [], THETA), "problem", "PushForward"),
    Case(lambda: grown(HEAT, any_(3), THETA), "growths", "3"),
    Case(lambda: grown(HEAT, any_("grown"), THETA), "growths", "'grown'"),
    Case(lambda: grown(HEAT, any_([2]), THETA), "growths", "2"),
    Case(lambda: grown(HEAT, [{}], THETA), "layers", "None"),
    Case(lambda: grown(HEAT, [REPORT | {"layers": True}], THETA), "layers", "True"),
    Case(lambda: grown(HEAT, [REPORT | {"layers": 10**13}], THETA), "layers", "GiB"),
    Case(lambda: grown(HEAT, [REPORT | {"family": "relu"}], THETA), "family", "'relu'"),
    Case(lambda: grown(HEAT, [REPORT], THETA), "theta", "(6,)"),
    Case(lambda: grown(HEAT, [], BAD_THETA.half), "theta", "float16"),
    Case(lambda: grown(HEAT, [], any_([0.0] * 6)), "theta", "0.0"),
    # pruning
    Case(lambda: prune(any_(T), P, 0.1, g()), "model", "Affine"),
    Case(lambda: prune(MODEL, THETA, 0.1, g()), "transform", "Affine"),
    Case(lambda: prune(LAYERED, P[1:], 0.1, g()), "theta", "(14,)"),
    Case(lambda: prune(LAYERED, BAD_P.nan, 0.1, g()), "theta", "NaN"),
    Case(lambda: prune(LAYERED, BAD_P.integer, 0.1, g()), "theta", "int64"),
    Case(lambda: prune(LAYERED, P, 0.0, g()), "tol", "0.0"),
    Case(lambda: prune(LAYERED, P, NAN, g()), "tol", "nan"),
    Case(lambda: prune(LAYERED, P, any_("small"), g()), "tol", "'small'"),
    Case(lambda: prune(LAYERED, P, 0.1, any_(7)), "generator", "7"),
    Case(lambda: prune(LAYERED, P, 0.1, g(), samples=0), "samples", "0"),
    Case(lambda: prune(LAYERED, P, 0.1, g(), samples=10**13), "samples", "GiB"),
    Case(lambda: prune(LAYERED, P, 0.1, g(), least=any_(True)), "least", "True"),
    Case(lambda: layer_costs(any_(None), P, Z), "model", "None"),
    Case(lambda: layer_costs(LAYERED, P, BAD_Z.single), "z", "float32"),
    # certificates
    Case(lambda: certificate(any_(MODEL), TIMES, THETAS, Z, 0.0), "problem", "PushForward"),
    Case(lambda: certificate(HEAT, [0.0], THETAS, Z, 0.0), "times", "1 and 2"),
    Case(lambda: certificate(HEAT, any_(1.0), THETAS, Z, 0.0), "times", "1.0"),
    Case(lambda: certificate(HEAT, any_(["0", "1"]), THETAS, Z, 0.0), "times", "'0'"),
    Case(lambda: certificate(HEAT, [0.0, NAN], THETAS, Z, 0.0), "times", "nan"),
    Case(lambda: certificate(HEAT, [0.5, 0.0], THETAS, Z, 0.0), "times", "-0.5"),
    Case(lambda: certificate(HEAT, TIMES, [THETA, THETA[:3]], Z, 0.0), "thetas", "(3,)"),
    Case(lambda: certificate(HEAT, TIMES, [THETA, BAD_THETA.nan], Z, 0.0), "thetas", "NaN"),
    Case(lambda: certificate(HEAT, TIMES, THETAS, BAD_Z.empty, 0.0), "z", "got 0"),
    Case(lambda: certificate(HEAT, TIMES, THETAS, BAD_Z.infinite, 0.0), "z", "∞"),
    Case(lambda: certificate(HEAT, TIMES, THETAS, BAD_Z.single, 0.0), "z", "float32"),
    Case(lambda: certificate(HEAT, TIMES, THETAS, Z, INF), "lam", "inf"),
    Case(lambda: certificate(HEAT, TIMES, THETAS, Z, any_(True)), "lam", "True"),
    Case(lambda: residual_along(HEAT, [], [], Z), "thetas", "0"),
    Case(lambda: residual_along(HEAT, TIMES, THETAS, BAD_Z.deeper), "z", "(1, 8, 2)"),
    # machines
    Case(lambda: Machine(0.0, 1.0, 1.0), "rate", "0.0"),
    Case(lambda: Machine(any_("fast"), 1.0, 1.0), "rate", "'fast'"),
    Case(lambda: Machine(1.0, NAN, 1.0), "latency", "nan"),
    Case(lambda: Machine(1.0, 1.0, -INF), "transfer", "-inf"),
    Case(lambda: MACHINE.compute(0, 4, 100.0), "dim", "0"),
    Case(lambda: MACHINE.compute(2, 4, NAN), "samples", "nan"),
    Case(lambda: MACHINE.all_reduce(-3, 2), "numbers", "-3"),
    Case(lambda: MACHINE.all_reduce(3, any_(2.5)), "processes", "2.5"),
    Case(lambda: MACHINE.product(2, any_(True), 100, 2), "layers", "True"),
    Case(lambda: MACHINE.product(2, 4, 0, 2), "samples", "0"),
    Case(lambda: MACHINE.speed_up(2, 4, 100, 0), "processes", "0"),
    Case(lambda: MACHINE.efficiency(2, 4, 100, any_("all")), "processes", "'all'"),
    # radial laws
    Case(lambda: RadialBlocks([], []), "sizes", "0"),
    Case(lambda: RadialBlocks([quadratic], [5, 6]), "sizes", "1 and 2"),
    Case(lambda: RadialBlocks([quadratic], [4]), "sizes", "4"),
    Case(lambda: RadialBlocks([quadratic], any_([5.0])), "sizes", "5.0"),
    Case(lambda: RadialBlocks([quadratic], any_(5)), "sizes", "5"),
    Case(lambda: RadialBlocks(any_(["r"]), [5]), "potentials", "'r'"),
    Case(lambda: RadialBlocks([quadratic], [5], BAD_EYE.single), "rotation", "(2, 2)"),
    Case(lambda: RadialBlocks([quadratic], [5], TURN.integer), "rotation", "int64"),
    Case(lambda: RadialBlocks([quadratic], [5], TURN.nan), "rotation", "NaN"),
    Case(lambda: RadialBlocks([quadratic], [5], 2 * TURN.single), "rotation", "by 3"),
    Case(lambda: RadialBlocks([quadratic], [5], any_("random")), "rotation", "'random'"),
    Case(lambda: RadialBlocks([quadratic], [5], end=-1.0), "end", "-1.0"),
    Case(lambda: RadialBlocks([quadratic], [5], end=INF), "end", "inf"),
    Case(lambda: RadialBlocks([quadratic], [5], cells=2), "cells", "2"),
    Case(lambda: RADIAL.map(Z, 0.1), "x", "(8, 2)"),
    Case(lambda: RADIAL.map(TURN.integer, 0.1), "x", "int64"),
    Case(lambda: RADIAL.energy(-0.1), "t", "-0.1"),
    Case(lambda: RADIAL.errors(any_(Z), 0.1), "cloud", "(8, 2)"),
    Case(lambda: RADIAL.errors(Cloud(Z, z=Z), 0.1), "x", "(8, 2)"),
    # problems of unknown directions
    Case(lambda: shells_10d("residual"), "transform", "'residual'"),
    Case(lambda: shells_10d(layers=0), "layers", "0"),
    Case(lambda: shells_10d(seed=-2), "seed", "-2"),
    Case(lambda: shells_10d(dtype=torch.int32), "dtype", "int32"),
    Case(lambda: shells_10d(device="abacus"), "device", "'abacus'"),
    Case(lambda: shells_10d(rotate=any_(0.5)), "rotate", "0.5"),
    Case(lambda: gaussian_mixture("planar"), "transform", "'planar'"),
    Case(lambda: gaussian_mixture(seed=any_("0")), "seed", "'0'"),
    Case(lambda: gaussian_mixture(dtype=torch.float16), "dtype", "float16"),
    Case(lambda: gaussian_mixture(device="meta"), "device", "'meta'"),
    Case(lambda: gaussian_mixture(dim=0), "dim", "0"),
    Case(lambda: gaussian_mixture(draw=any_(True)), "draw", "True"),
    Case(lambda: mixture_target(10**8, 0), "dim", "GiB"),
    Case(lambda: Mixture(ZERO), "centres", "(2,)"),
    Case(lambda: Mixture(BAD_Z.integer), "centres", "int64"),
    Case(lambda: Mixture(SKEW / 0), "centres", "∞"),
    Case(lambda: LAW.log_prob(BAD_Z.longer), "x", "(8, 4)"),
    Case(lambda: LAW.score(BAD_Z.empty), "x", "got 0"),
    Case(lambda: LAW.sample(0, g()), "n", "0"),
    Case(lambda: LAW.sample(3, any_(1)), "generator", "1"),
]
