"""The compiled products of the planar flow against those without numba, and their threads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from cases import invertible, normal
from torch import Generator, Tensor

from pwgf_core import Jacobian, Planar, RelaxedMetric
from pwgf_core.transforms import planar_jacobian, recurrence

pytest.importorskip("numba", reason="install the extra [fast]")
from pwgf_core.transforms import compiled

ROOT = Path(__file__).parents[1]
# Rounding of sums over the sample, in the two precisions.
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-12}
# Whole tiles and not, less than a block of samples, several blocks with a rest, more than a thread.
SIZES = [(1, 1, 1), (2, 3, 5), (3, 4, 600), (4, 9, 64), (5, 17, 1500), (12, 24, 700)]


@pytest.fixture(params=[1, 2, 3], ids="{} threads".format)
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def flow(size: tuple[int, int, int], dtype: torch.dtype) -> tuple[Planar, Tensor, Tensor]:
    """A planar flow with parameters of the size that a run ends with, θ and z."""
    d, k, n = size
    generator = Generator().manual_seed(k)
    w, u, b = normal(generator, k, d), normal(generator, k, d), normal(generator, k)
    w, u = w / d**0.5, 0.5 * u / d**0.5
    theta = torch.cat([w.reshape(-1), invertible(w, u).reshape(-1), b])
    return Planar(d, k), theta.to(dtype), normal(generator, n, d).to(dtype)


def answers(jacobian: Jacobian) -> dict[str, Tensor]:
    """All products, with fixed random vectors."""
    generator, dtype = Generator().manual_seed(0), jacobian.z.dtype
    dz, r = (normal(generator, *jacobian.z.shape).to(dtype) for _ in range(2))
    v, q = normal(generator, len(jacobian.theta)).to(dtype), normal(generator, len(r)).to(dtype)
    strided = r.T.contiguous().T
    by_theta, by_z = jacobian.pullback(r, q)
    normal_by_theta, normal_by_z = jacobian.normal(v, dz)
    assert normal_by_z is not None
    return {
        "x": jacobian.x,
        "log-det": jacobian.logdet,
        "jvp": jacobian.jvp(v),
        "jvp with z": jacobian.jvp(v, dz),
        "vjp": jacobian.vjp(r),
        "vjp of columns": jacobian.vjp(strided),
        "pullback to θ": by_theta,
        "pullback to z": by_z,
        "pullback to z alone": jacobian.pullback(r)[1],
        "normal": jacobian.normal(v)[0],
        "normal with z, to θ": normal_by_theta,
        "normal with z, to z": normal_by_z,
        "score": jacobian.score(-jacobian.z),
    }


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_numba_changes_rounding_only(
    size: tuple[int, int, int], dtype: torch.dtype, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    transform, theta, z = flow(size, dtype)
    fast = answers(transform.jacobian(theta, z))
    slow = answers(Jacobian(transform, theta, z))
    monkeypatch.setattr(planar_jacobian, "Products", None)
    monkeypatch.setattr(recurrence, "compiled", None)
    plain = transform.jacobian(theta, z)
    assert plain.compiled is None
    without = answers(plain)
    exact = answers(Jacobian(transform, theta.double(), z.double()))
    for name, value in fast.items():
        scale = exact[name].norm()
        for other in (without[name], slow[name], exact[name].to(dtype)):
            gap = float((value - other).norm() / scale)
            assert gap < TOLERANCES[dtype], (name, gap)


def test_products_from_several_threads_at_once(threads: int) -> None:
    transform, theta, z = flow((5, 17, 1500), torch.float64)
    metric = RelaxedMetric(transform.jacobian(theta, z))
    vectors = normal(Generator().manual_seed(1), 8, len(theta))
    expected = [metric.matvec(v) for v in vectors]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for value, other in zip(pool.map(metric.matvec, vectors), expected, strict=True):
                assert torch.equal(value, other)  # the same sums in the same order


def test_parts_cover_the_sample_once(threads: int) -> None:
    for n in (0, 1, 255, 256, 512, 1000, 5000):
        parts = compiled.in_parts(n, lambda start, end: (start, end))
        assert parts[0][0] == 0
        assert parts[-1][1] == n
        assert all(a[1] == b[0] for a, b in pairwise(parts))
        assert len(parts) <= threads


def test_an_error_in_a_part_is_raised(threads: int) -> None:
    def work(start: int, end: int) -> None:
        raise ZeroDivisionError(start)

    with pytest.raises(ZeroDivisionError):
        compiled.in_parts(10_000, work)


FORKED = """
import os, torch
from pwgf_core import Planar
torch.set_num_threads(2)
T = Planar(2, 4)
theta = T.init(torch.Generator().manual_seed(0))
z = torch.randn(4000, 2, dtype=theta.dtype)
J = T.jacobian(theta, z)
before = J.vjp(J.jvp(theta))
child = os.fork()
after = J.vjp(J.jvp(theta))
assert torch.equal(before, after)
if child:
    assert os.waitpid(child, 0)[1] == 0
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    run(FORKED)


WITHOUT = """
import torch
from pwgf_core import Explicit, evolve, problem
from pwgf_core.transforms import planar_jacobian, recurrence
assert planar_jacobian.Products is None and recurrence.compiled is None
flow = problem("ornstein_uhlenbeck", transform="planar")
result = evolve(flow, Explicit(h=0.1), t_end=0.2, samples=300, progress=False)
assert result.status == "completed", result.status
"""


MISSING = 'import sys; sys.modules["numba"] = None'
# What numba does where it may write compiled code nowhere.
READ_ONLY = """
import numba
def njit(**options):
    raise RuntimeError("cannot cache function: no locator available")
numba.njit = njit
"""


@pytest.mark.parametrize("hide", [MISSING, READ_ONLY], ids=["missing", "without a cache"])
def test_everything_runs_without_numba(hide: str) -> None:
    run(hide + WITHOUT)


def run(code: str) -> None:
    """Runs it in a process of its own, which must end well."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
