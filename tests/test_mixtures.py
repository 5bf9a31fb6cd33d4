"""The exact law of a mixture's flow: on a grid, and by the masses of cells."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Generator

import mixtures as script
from pwgf_core.problems import mixture_target
from pwgf_core.problems.unknown_directions import Mixture


def test_the_grid_solves_an_ornstein_uhlenbeck_equation() -> None:
    # one centre c, V = |x − c|²/2: N(c(1 − e^{−t}), (1 + 15 e^{−2t}) I)
    c, t = torch.tensor([[1.0, -2.0]]).double(), 1.0
    points, log_rho = script.on_grid(Mixture(c), t)
    variance = 1 + 15 * math.exp(-2 * t)
    gap = points - c * (1 - math.exp(-t))
    exact = -0.5 * gap.square().sum(1) / variance - math.log(2 * math.pi * variance)
    dx = 2 * script.HALF_WIDTH / script.CELLS
    rho = log_rho.exp()
    assert float(rho.sum()) * dx**2 == pytest.approx(1.0, abs=1e-10)  # mass is kept
    # Euler's e^{−2t} is too large by 2t dt = 4 %, the variance by 2.7 %: squared in the divergence
    assert abs(float(rho @ (log_rho - exact)) * dx**2) < 2e-3
    centre = points.square().sum(1) < 4
    assert float((log_rho - exact)[centre].abs().max()) < 0.04


def test_masses_of_cells_are_below_the_divergence() -> None:
    target = mixture_target(2, 3)
    exact = script.exact_case(2, 3)
    x = script.langevin(
        lambda x: -target.score(x),
        4 * torch.randn(20000, 2, generator=Generator().manual_seed(0)).double(),
        script.TIME,
        200,
        1.0,
        Generator().manual_seed(1),
    )
    p, q = (script._shares(y, target.centres) for y in (x, target.sample(20000, Generator())))
    assert float(p.sum()) == pytest.approx(1.0)
    # counts of 4000 points a cell: p is off by 1.4 %, and sums of p log(p/q) by its square
    below = float(p @ (p / q).log()) + float(q @ (q / p).log())
    assert 0 < below < exact["symmetric_kl"] + 2e-3
