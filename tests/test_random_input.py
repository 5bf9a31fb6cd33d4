"""Random arguments: what comes back is finite and of the right shape, or the error is one of two.

Hypothesis draws shapes, dtypes and values. Nothing but `ValueError` and `NumericalError` may come
out, and what is well-formed must not raise `ValueError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from cases import ENERGIES, TRANSFORMS, random_theta
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from pwgf_core import (
    Cloud,
    Explicit,
    Gaussian,
    NumericalError,
    PushForward,
    Transform,
    discrete_w2,
    energy_distance,
    evolve,
    gaussian_kl,
    gaussian_w2,
    minres,
    moments,
    problem,
    sliced_w2,
    w2_1d,
)

HEAT = problem("heat", transform="affine")
DTYPES = [torch.float64] * 6 + [torch.float32, torch.float16, torch.bfloat16, torch.int64]
DTYPES += [torch.bool, torch.complex64]
VALUES = st.floats(-50, 50) | st.sampled_from([0.0, 1e-300, 1e30, -1e30, 1e300])
ANYTHING = VALUES | st.sampled_from([float("nan"), float("inf"), -float("inf")])
NUMBERS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([None, True, "1", 0.1, 1, 2, 0, -1, 10**40, 1e-320, 1e300, (), 1j]), ANYTHING
)


def few(examples: int) -> Callable[..., Any]:
    """So many examples, always the same; the function under test is not small."""
    checks = [
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.filter_too_much,
    ]
    return settings(
        max_examples=examples, derandomize=True, deadline=None, suppress_health_check=checks
    )


@st.composite
def tensors(draw: Any, shape: tuple[int, ...], values: st.SearchStrategy[float] = VALUES) -> Tensor:
    """A tensor nearly always of this shape, in any dtype."""
    if draw(st.integers(0, 9)) == 0:
        shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    if draw(st.integers(0, 2)):
        size, seed = draw(st.sampled_from([1e-3, 1.0, 30.0])), draw(st.integers(0, 2**32))
        tensor = size * torch.randn(shape, generator=Generator().manual_seed(seed)).double()
    else:
        count = int(torch.Size(shape).numel())
        tensor = torch.tensor(draw(st.lists(values, min_size=count, max_size=count)))
        tensor = tensor.double().reshape(shape)
    return tensor.to(draw(st.sampled_from(DTYPES)))


def attempt(call: Callable[[], Any], well_formed: bool = False) -> Any:
    """What the call gives, or None where it raises what it may."""
    try:
        return call()
    except NumericalError:
        return None
    except ValueError as error:
        if well_formed or type(error) is not ValueError:
            pytest.fail(f"refused, or by a subclass: {error!r}")
        return None


def fits(values: Tensor, shape: tuple[int, ...], *given: Tensor) -> bool:
    """Of this shape, and finite where the arguments are of moderate size."""
    moderate = all(float(x.abs().max()) < 1e4 for x in given)
    return values.shape == shape and (not moderate or bool(torch.isfinite(values).all()))


@st.composite
def points(draw: Any, transform: Transform) -> tuple[Tensor, Tensor]:
    """θ and z for a transform, seldom well-formed."""
    theta = draw(tensors((transform.n_params,)))
    if draw(st.booleans()):
        theta = random_theta(transform, Generator().manual_seed(draw(st.integers(0, 99))))
    return theta, draw(tensors((draw(st.integers(0, 5)), transform.dim)))


def good(transform: Transform, theta: Tensor, z: Tensor) -> bool:
    """Whether θ and z are what the docstrings ask for."""
    return (
        theta.shape == (transform.n_params,)
        and z.ndim == 2
        and z.shape[1] == transform.dim
        and len(z) > 0
        and theta.dtype == z.dtype
        and theta.dtype in (torch.float32, torch.float64)
    )


def maps(transform: Transform, data: Any) -> None:
    theta, z = data.draw(points(transform))
    fine = good(transform, theta, z)
    x = attempt(lambda: transform(theta, z), fine)
    assert (x is not None) == fine
    jacobian = attempt(lambda: transform.jacobian(theta, z), fine)
    if x is None or jacobian is None:
        return
    assert fits(x, tuple(z.shape), theta, z)
    d = data.draw(tensors((transform.n_params,)))
    moved = attempt(lambda: jacobian.jvp(d), d.shape == theta.shape and d.dtype == theta.dtype)
    if moved is not None:
        assert moved.shape == z.shape
    r = data.draw(tensors(tuple(z.shape)))
    pulled = attempt(lambda: jacobian.vjp(r), r.shape == z.shape and r.dtype == z.dtype)
    if pulled is not None:
        assert pulled.shape == theta.shape


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
@few(12)
@given(data=st.data())
def test_transforms(transform: Transform, data: Any) -> None:
    maps(transform, data)


@pytest.mark.slow
@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
@few(300)
@given(data=st.data())
def test_transforms_many_times(transform: Transform, data: Any) -> None:
    maps(transform, data)


@pytest.mark.parametrize("transform", TRANSFORMS[::4], ids=repr)
@few(8)
@given(data=st.data())
def test_models(transform: Transform, data: Any) -> None:
    """log ρ and the score are finite where the map is one-to-one, or a numerical error says not."""
    theta, z = data.draw(points(transform))
    model = PushForward(Gaussian(transform.dim), transform)
    cloud = attempt(lambda: model.cloud(theta, z), good(transform, theta, z))
    if cloud is None:
        return
    log_rho = attempt(lambda: cloud.log_rho, True)
    if log_rho is not None:
        assert log_rho.shape == (len(z),)
    count = data.draw(NUMBERS)
    if isinstance(count, int) and count > 9:
        return
    x = attempt(lambda: model.sample(theta, count, Generator().manual_seed(0)))
    assert x is None or x.shape == (count, transform.dim)


@pytest.mark.parametrize("name", ENERGIES)
@few(20)
@given(data=st.data())
def test_energies(name: str, data: Any) -> None:
    n, d = data.draw(st.integers(0, 5)), data.draw(st.integers(1, 3))
    x, log_rho = data.draw(tensors((n, d))), data.draw(tensors((n,)))
    score = data.draw(tensors((n, d)))
    cloud = attempt(lambda: Cloud(x, log_rho, score))
    if cloud is None:
        return
    same = x.dtype == log_rho.dtype == score.dtype
    assume(same)
    value = attempt(lambda: ENERGIES[name].value(cloud), len(x) > 1)
    velocity = attempt(lambda: ENERGIES[name].velocity(cloud), len(x) > 1)
    if value is not None and velocity is not None and name != "fokker_planck":  # cosh overflows
        assert fits(value, (), x, log_rho)
        assert fits(velocity, tuple(x.shape), x, score)


def solves(data: Any) -> None:
    n = data.draw(st.integers(0, 4))
    a, b = data.draw(tensors((n, n))), data.draw(tensors((n,), ANYTHING))
    x0 = data.draw(st.none() | tensors((n,)))
    tol, most = data.draw(NUMBERS), data.draw(NUMBERS)
    if isinstance(most, int) and most > 9:
        most = 9

    def product(v: Tensor) -> Tensor:
        return (a + a.T) @ v if a.shape == (n, n) and a.dtype == v.dtype else v

    found = attempt(lambda: minres(product, b, x0, tol, most))
    if found is not None:
        assert found.x.shape == b.shape
        assert bool(torch.isfinite(found.x).all()) or found.status != "converged"
        assert found.residual >= 0 or found.status != "converged"


@few(60)
@given(data=st.data())
def test_solves(data: Any) -> None:
    solves(data)


@pytest.mark.slow
@few(3000)
@given(data=st.data())
def test_solves_many_times(data: Any) -> None:
    solves(data)


OPTIONS = ("t_end", "samples", "sampling", "seed", "record", "checkpoint_every", "callback")


def runs(data: Any) -> None:
    names = data.draw(st.lists(st.sampled_from(OPTIONS), max_size=3, unique=True))
    given = {"t_end": 0.1, "samples": 8, "record": 1}
    given |= {name: data.draw(NUMBERS) for name in names}
    h = data.draw(st.just(0.1) | NUMBERS)
    if isinstance(given["samples"], int) and 1000 < given["samples"] < 10**9:
        return
    scheme = attempt(lambda: Explicit(h))
    if scheme is None:
        return
    steps: list[object] = []

    def stop(*_: object) -> bool:
        steps.append(None)
        return len(steps) < 2

    given.setdefault("callback", stop)
    if given["callback"] is None:
        given["callback"] = stop
    run = attempt(lambda: evolve(HEAT, scheme, progress=False, **given))
    if run is not None:
        assert run.status in ("completed", "interrupted", "failed")
        assert run.state.theta.shape == HEAT.theta0.shape
        assert bool(torch.isfinite(run.state.theta).all())


@few(60)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore:the run stopped")
def test_runs(data: Any) -> None:
    runs(data)


@pytest.mark.slow
@few(2000)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore:the run stopped")
def test_runs_many_times(data: Any) -> None:
    runs(data)


def distances(data: Any) -> None:
    d = data.draw(st.integers(1, 3))
    x, y = (data.draw(tensors((data.draw(st.integers(0, 6)), d), ANYTHING)) for _ in range(2))
    directions = data.draw(st.just(3) | NUMBERS)
    if isinstance(directions, int) and directions > 9:
        directions = 9
    found = [
        attempt(lambda: discrete_w2(x, y).value),
        attempt(lambda: energy_distance(x, y, distinct=False)),
        attempt(lambda: sliced_w2(x, y, Generator().manual_seed(0), directions)),
        attempt(lambda: w2_1d(x[:, 0], y[:, 0]))
        if x.ndim == y.ndim == 2 and x.shape[1] and y.shape[1]
        else None,
    ]
    for value in found:
        if value is not None and max(float(x.abs().max()), float(y.abs().max())) < 1e100:
            assert 0 <= value < float("inf") or value == pytest.approx(0, abs=1e-6)
    m, c = data.draw(tensors((d,), ANYTHING)), data.draw(tensors((d, d), ANYTHING))
    c = c @ c.T if c.ndim == 2 and c.dtype is torch.float64 else c
    for distance in (gaussian_w2, gaussian_kl):
        value = attempt(lambda distance=distance: distance(m, c, m, c))
        assert value is None or not value < -1e-6 or float(c.abs().max()) > 1e4
    both = attempt(lambda: moments(x))
    assert both is None or both[1].shape == (x.shape[1], x.shape[1])


@few(40)
@given(data=st.data())
def test_distances(data: Any) -> None:
    distances(data)


@pytest.mark.slow
@few(2000)
@given(data=st.data())
def test_distances_many_times(data: Any) -> None:
    distances(data)
