"""A Jacobian in chunks is the same operator, with bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cases import normal, random_theta, relative_gap
from torch import Generator

from pwgf_core import Affine, Compose, Gaussian, NeuralODE, Planar, PushForward, Residual, Transform
from pwgf_core.transforms import chunks

TRANSFORMS = [Planar(3, 5), Compose(Affine(2), Planar(2, 6)), NeuralODE(2, 4), Residual(2, 5)]


@pytest.mark.parametrize("kept", [0, 2, 100], ids="{} chunks kept".format)
@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_chunks_are_the_same_operator(
    transform: Transform, kept: int, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, size = 53, 10
    theta = random_theta(transform, generator)
    z, dz, r = (normal(generator, n, transform.dim) for _ in range(3))
    q, v = normal(generator, n), normal(generator, len(theta))
    whole = transform.jacobian(theta, z)
    monkeypatch.setattr(chunks, "CHUNK", size * transform.footprint)
    monkeypatch.setattr(chunks, "MEMORY", min(kept + 1, n // size) * size * transform.footprint)
    parts = chunks.freeze(transform, theta, z)
    assert isinstance(parts, chunks.ChunkedJacobian)
    pairs = {
        "x": (parts.x, whole.x),
        "log-det": (parts.logdet, whole.logdet),
        "score": (parts.score(-z), whole.score(-z)),
        "rows": (parts.rows(), whole.rows()),
        "jvp with z": (parts.jvp(v, dz), whole.jvp(v, dz)),
    }
    for _ in range(2):  # with what the first products kept
        pairs["jvp"] = parts.jvp(v), whole.jvp(v)
        pairs["vjp"] = parts.vjp(r), whole.vjp(r)
        for i, name in enumerate(("θ", "z")):
            pairs[f"pullback to {name}"] = parts.pullback(r, q)[i], whole.pullback(r, q)[i]
            part, all_of_it = parts.normal(v, dz)[i], whole.normal(v, dz)[i]
            assert part is not None
            assert all_of_it is not None
            pairs[f"normal to {name}"] = part, all_of_it
        pairs["normal"] = parts.normal(v)[0], whole.normal(v)[0]
        gaps = {name: relative_gap(a, b) for name, (a, b) in pairs.items()}
        # the same numbers; sums over samples in another order, with some cancellation
        assert max(gaps.values()) < 1e-11, gaps
    assert len(parts.kept) <= kept


def test_a_sample_that_fits_is_not_cut(generator: Generator) -> None:
    transform = Planar(2, 4)
    theta = random_theta(transform, generator)
    model = PushForward(Gaussian(2), transform)
    _, jacobian = model.linearize(theta, normal(generator, 100, 2))
    assert type(jacobian) is type(transform.jacobian(theta, normal(generator, 5, 2)))


MILLION = """
import resource
import torch
from pwgf_core import Explicit, Minres, State, problem
flow = problem("styblinski_tang_30d", transform="planar", layers=60, dtype=torch.float32)
z = flow.model.reference.draw(10**6, torch.Generator().manual_seed(0), torch.float32)
scheme = Explicit(0.005, "euler", solver=Minres(max_iterations=3))
state, info = scheme.step(flow, State(flow.theta0), z)
assert bool(torch.isfinite(state.theta).all()) and info.iterations == 3
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


@pytest.mark.slow
def test_a_million_samples_in_thirty_dimensions_need_two_gibibytes() -> None:
    """One explicit step of a flow with K = 60; the peak is that of the whole process."""
    if sys.platform != "linux":
        pytest.skip("ru_maxrss has other units elsewhere")
    root = Path(__file__).parents[1]
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.run(
        [sys.executable, "-c", MILLION],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 2.0
