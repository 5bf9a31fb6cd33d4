"""Growth: when to look, what to insert, and the problem and state that go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from ..distributed import expectation
from ..errors import (
    check_choice,
    check_count,
    check_lists,
    check_memory,
    check_positive,
    check_real,
    check_type,
)
from ..gradient_fields import whitening
from ..metrics import RelaxedMetric
from ..model import PushForward
from ..state import Problem, State
from ..transforms.base import Jacobian
from .architecture import FAMILIES, Insertion, insert, units
from .search import ascend, first_candidates, orthonormal, pursue

ROUNDS = 8
NOISE = 10.0  # a fixed field gains E|r|²/N from noise alone


@dataclass(frozen=True)
class Growth:
    """Grow the map of a run: `evolve(..., growth=Growth(...))`.

    Before every `every`-th step δ̂ = E|v − Jξ|² is measured on `samples` fresh points. Where it
    exceeds `tol` E|v|², layers are looked for that take most of the residual r = v − Jξ: from
    `starts` first directions (the principal ones of E[rrᵀ], the rest random) `steps` steps of
    gradient ascent, then matching pursuit on a second fresh sample. A direction enters with its own
    bias, or with a row of `biases` of them spread over ± `spread` standard deviations, so that the
    profile along it can change later. At most `block` layers enter at a time, `layers` in all; a
    direction that takes less than the part `share` of E|r|² does not. `family` says what an affine
    map becomes. No derivative of the velocity is used.

    Raises `ValueError` for settings out of range.

    >>> Growth(layers=20, biases=2).due(0), Growth(layers=20, every=3).due(4)
    (True, False)
    """

    layers: int
    block: int | None = None
    tol: float = 0.005
    every: int = 4
    biases: int = 1
    spread: float = 1.5
    share: float = 0.01
    samples: int = 4000
    starts: int = 64
    steps: int = 80
    scale: float = 1.0
    family: str = "planar"

    def __post_init__(self) -> None:
        for name in ("layers", "every", "biases", "samples", "starts", "steps"):
            check_count(name, getattr(self, name))
        if self.layers < self.biases:
            raise ValueError(
                f"layers must be at least biases = {self.biases}, as a direction enters with all "
                f"of them, got {self.layers}"
            )
        if self.block is not None:
            check_count("block", self.block, self.biases)
        for name in ("tol", "spread", "share", "scale"):
            check_positive(name, getattr(self, name))
        check_choice("family", self.family, FAMILIES)

    def due(self, step: int) -> bool:
        """Whether to look before this step."""
        check_count("step", step, 0)
        return step % self.every == 0


class Growths(NamedTuple):
    """What `grow` returns: problem and state with the larger map, and how it came about.

    `report` says t and step, the number of new `layers` and the `family`, E|v|² (`speed`), the
    residual δ̂ (`misfit`), and `predicted`, what is left of it on the fresh sample by the pursuit.
    """

    problem: Problem
    state: State
    insertion: Insertion
    report: dict[str, Any]


def grow(problem: Problem, state: State, growth: Growth, generator: Generator) -> Growths | None:
    """Insert layers into the map at θ, or return None where none is needed or found.

    ρ_θ does not change, nor does the field Jξ of the last solution, which is padded by zeros.

    Raises `ValueError` for a map that no layers can be inserted into.

    >>> from pwgf_core import problem, State
    >>> p = problem("double_well_2d", transform="affine")
    >>> found = grow(p, State(p.theta0), Growth(layers=4), Generator().manual_seed(0))
    >>> found.problem.model.transform.parts[1].layers, found.report["predicted"] < 30
    (4, True)
    """
    check_type("problem", problem, Problem)
    check_type("state", state, State)
    check_type("growth", growth, Growth)
    check_type("generator", generator, Generator)
    dim = problem.model.dim
    check_memory("samples", growth.samples, 2 * growth.samples * dim)
    row = state.theta.new_zeros(1, dim)
    insert(problem.model.transform, row, row[:, 0], growth.family)  # refuses before the search
    first = _sample(problem, state.theta, growth.samples, generator)
    second = _sample(problem, state.theta, growth.samples, generator)
    layers = units(first.jacobian)[1].shape[1]
    limit = min(growth.layers - layers, growth.block or growth.layers)
    if limit < growth.biases:
        return None
    metric = RelaxedMetric(first.jacobian)
    xi = problem.solver.solve(metric, metric.right_hand_side(first.v), state.solution, first.v).x
    r = second.v - second.jacobian.jvp(xi)
    speed, misfit = (float(expectation(f.square().sum(), len(f))) for f in (second.v, r))
    if not misfit > growth.tol * speed:
        return None
    w, b, left = _search(first, second, xi, growth, limit, generator)
    if not len(b):
        return None
    insertion = insert(problem.model.transform, w, b, growth.family)
    theta, solution = insertion.embed(state.theta), state.solution
    if solution is not None:
        solution = replace(solution, x=insertion.embed_tangent(solution.x))
    report = {"t": state.t, "step": state.step, "layers": len(b), "family": growth.family}
    report |= {"speed": speed, "misfit": misfit, "predicted": left}
    larger = _enlarged(problem, insertion)
    return Growths(larger, replace(state, theta=theta, solution=solution), insertion, report)


class _Sample(NamedTuple):
    jacobian: Jacobian
    v: Tensor


def _sample(problem: Problem, theta: Tensor, n: int, generator: Generator) -> _Sample:
    z = problem.model.reference.draw(n, generator, theta.dtype, problem.sampling)
    cloud, jacobian = problem.model.linearize(theta, z)
    return _Sample(jacobian, problem.energy.velocity(cloud))


def _search(
    first: _Sample,
    second: _Sample,
    xi: Tensor,
    growth: Growth,
    limit: int,
    generator: Generator,
) -> tuple[Tensor, Tensor, float]:
    """(w, b) of the layers to insert, found on one sample and chosen on the other, and what is
    left of δ̂ there by the pursuit."""
    mean, white = whitening(units(first.jacobian)[0])
    y, r, basis = zip(*(_projected(s, xi, mean, white) for s in (first, second)), strict=True)
    y, r, basis = list(y), list(r), list(basis)
    profile = None
    if growth.biases > 1:
        ends = (-growth.spread, growth.spread, growth.biases)
        profile = torch.linspace(*ends, dtype=xi.dtype, device=xi.device)
    least = max(growth.share, NOISE / growth.samples)
    chosen_w, chosen_b = [y[0][:0]], [xi[:0]]
    for _ in range(ROUNDS):
        start = first_candidates(r[0], growth.starts, generator)
        w, b = ascend(y[0], r[0], *start, growth.steps)
        w = growth.scale * w
        taken = sum(map(len, chosen_b))
        w, b, r[1], basis[1] = pursue(y[1], r[1], basis[1], w, b, profile, limit - taken, least)
        if not len(b):
            break
        chosen_w.append(w)
        chosen_b.append(b)
        new = torch.tanh(y[0] @ w.T + b)
        basis[0] = orthonormal(torch.cat([basis[0], new], 1))
        r[0] = r[0] - basis[0] @ expectation(basis[0].T @ r[0], len(r[0]))
    w = torch.cat(chosen_w)
    left = float(expectation(r[1].square().sum(), len(r[1])))
    return w @ white, torch.cat(chosen_b) - w @ white @ mean, left


def _projected(
    sample: _Sample, xi: Tensor, mean: Tensor, white: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """White points y, an orthonormal basis of span{1, y, t}, and v − Jξ less its part there."""
    y, t = units(sample.jacobian)
    y = (y - mean) @ white.T
    basis = orthonormal(torch.cat([torch.ones_like(y[:, :1]), y, t], 1))
    r = sample.v - sample.jacobian.jvp(xi)
    return y, r - basis @ expectation(basis.T @ r, len(r)), basis


def grown(problem: Problem, growths: Sequence[Mapping[str, Any]], theta: Tensor) -> Problem:
    """The problem with the family that a run had after `growths`, starting from θ in that family.

    `growths` are the reports of the run, `theta` its first θ: a run that began with p is evaluated
    with `grown(p, run.growths, run.thetas[0])`, which is p itself where nothing has grown.

    Raises `ValueError` for a θ of another size, and for reports without layers and family.
    """
    check_type("problem", problem, Problem)
    check_lists(0, growths=growths)
    check_real("theta", theta, (None,))
    for report in growths:
        check_type("growths", report, Mapping)
        layers: Any = report.get("layers")
        family: Any = report.get("family")
        check_count("layers", layers)
        check_choice("family", family, FAMILIES)
        check_memory("layers", layers, float(layers) * (2 * problem.model.dim + 1))
        w = theta.new_zeros(layers, problem.model.dim)
        insertion = insert(problem.model.transform, w, w[:, 0], family)
        problem = _enlarged(problem, insertion)
    check_real("theta", theta, (problem.model.transform.n_params,))
    initial = problem.initial and replace(problem.initial, theta=theta)
    return replace(problem, theta0=theta, initial=initial)


def _enlarged(problem: Problem, insertion: Insertion) -> Problem:
    theta = insertion.embed(problem.theta0)
    initial = problem.initial and replace(problem.initial, theta=theta)
    model = PushForward(problem.model.reference, insertion.transform)
    return replace(problem, model=model, theta0=theta, initial=initial)
