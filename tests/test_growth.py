"""Growth of maps: what insertion keeps, what search finds, runs that grow, pruning, problems."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from cases import normal, random_theta, relative_gap
from small_run import assert_equal, stop_after
from torch import Generator, Tensor

from pwgf_core import (
    Affine,
    Compose,
    Dense,
    Entropy,
    Explicit,
    FokkerPlanck1D,
    Gaussian,
    Growth,
    Jacobian,
    Planar,
    Problem,
    PushForward,
    RadialBlocks,
    RelaxedMetric,
    Residual,
    Separable,
    State,
    Trajectory,
    Transform,
    certificate,
    evaluate,
    evaluation_cloud,
    evolve,
    grown,
    problem,
    prune,
    sliced_w2,
)
from pwgf_core.growth import ascend, gains, grow, insert, layer_costs, pursue, units
from pwgf_core.problems import gaussian_mixture, mixture_target, shells_10d
from pwgf_core.problems.styblinski_tang import random_rotation, rotated_wells, well

GROWABLE: list[tuple[Transform, str]] = [
    (Affine(3), "planar"),
    (Affine(3, "triangular"), "planar"),
    (Affine(3), "residual"),
    (Planar(3, 5), "planar"),
    (Residual(3, 4), "residual"),
    (Compose(Affine(3), Planar(3, 4)), "planar"),
    (Compose(Planar(3, 2), Affine(3)), "planar"),
    (Compose(Affine(3, "diagonal"), Residual(3, 4)), "residual"),
]
growable = pytest.mark.parametrize(("transform", "family"), GROWABLE, ids=str)


@growable
def test_insertion_changes_nothing(transform: Transform, family: str) -> None:
    generator = Generator().manual_seed(1)
    theta, z = random_theta(transform, generator), normal(generator, 40, 3)
    w, b = normal(generator, 5, 3), normal(generator, 5)
    inserted = insert(transform, w, b, family)
    reference = Gaussian(3)
    old = PushForward(reference, transform).cloud(theta, z)
    new = PushForward(reference, inserted.transform).cloud(inserted.embed(theta), z)
    # the same numbers in sums of another order
    assert relative_gap(new.x, old.x) < 1e-13
    assert relative_gap(new.log_rho, old.log_rho) < 1e-12
    assert relative_gap(new.score, old.score) < 1e-11
    xi = normal(generator, len(theta))
    before = transform.jacobian(theta, z).jvp(xi)
    after = inserted.transform.jacobian(inserted.embed(theta), z)
    assert relative_gap(after.jvp(inserted.embed_tangent(xi)), before) < 1e-12


@growable
def test_insertion_adds_the_fields_of_the_new_layers(transform: Transform, family: str) -> None:
    generator = Generator().manual_seed(2)
    theta, z = random_theta(transform, generator), normal(generator, 40, 3)
    w, b = normal(generator, 2, 3), normal(generator, 2)
    inserted = insert(transform, w, b, family)
    y, t = units(transform.jacobian(theta, z))
    jacobian = inserted.transform.jacobian(inserted.embed(theta), z)
    assert relative_gap(units(jacobian)[1][:, t.shape[1] :], torch.tanh(y @ w.T + b)) < 1e-13
    # the columns of u: the only new parameters that move the map while u = 0
    old = torch.zeros(inserted.transform.n_params, dtype=torch.bool)
    old[inserted.kept] = True
    rows = Jacobian(inserted.transform, inserted.embed(theta), z).rows()[:, :, ~old]
    moving = rows[:, :, rows.abs().amax((0, 1)) > 1e-9]
    assert moving.shape[2] == 6
    rank = torch.linalg.matrix_rank(
        torch.cat([moving.flatten(0, 1), _downstream(transform, theta, y, w, b)], 1), rtol=1e-9
    )
    assert int(rank) == 6  # the span of the fields tanh(w·y + b) DA e_i, A the maps after


def _downstream(transform: Transform, theta: Tensor, y: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """Derivatives of the maps after the insertion, times tanh(w·y + b) e_i: (n d, 6)."""
    fields = torch.tanh(y @ w.T + b)
    eye = torch.eye(3, dtype=y.dtype)
    directions = torch.einsum("nk,ij->njki", fields, eye).flatten(2)
    if isinstance(transform, Affine):
        after: list[tuple[Transform, Tensor]] = [(transform, theta)]
    elif isinstance(transform, Compose):
        parts = list(zip(transform.parts, transform.split(theta), strict=True))
        after = parts if isinstance(parts[-1][0], Affine) else parts[:-1]
    else:
        after = []
    for part, p in reversed(after):
        slope = torch.vmap(torch.func.jacfwd(lambda q, part=part, p=p: part(p, q[None])[0]))(y)
        directions, y = slope @ directions, part(p, y)
    return directions.flatten(0, 1)


def test_the_gain_is_the_fall_of_the_least_squares() -> None:
    generator = Generator().manual_seed(0)
    n = 50
    basis = torch.linalg.qr(normal(generator, n, 4)).Q * n**0.5
    v, field = normal(generator, n, 3), normal(generator, n, 6)

    def least(columns: Tensor) -> float:
        return float((v - columns @ torch.linalg.lstsq(columns, v).solution).square().sum()) / n

    r = v - basis @ (basis.T @ v) / n
    found = gains(field, r, basis)
    for k in range(6):
        fall = least(basis) - least(torch.cat([basis, field[:, k : k + 1]], 1))
        assert float(found[k]) == pytest.approx(fall, rel=1e-10)  # round-off of n = 50
    inside = gains(basis @ normal(generator, 4, 1), r, basis)
    assert float(inside) == 0.0


def test_ascent_finds_the_axes_of_a_separable_field() -> None:
    # r = Σ (y_i³ − 3y_i) q_i: its third Hermite tensor is Σ q_i⊗q_i⊗q_i⊗q_i
    generator = Generator().manual_seed(0)
    d, n = 6, 4096
    q = random_rotation(d, 3)
    y = Gaussian(d).draw(n, generator, sampling="matched")
    h = y @ q.T
    r = (h**3 - 3 * h) @ q
    basis = torch.linalg.qr(torch.cat([torch.ones(n, 1).double(), y], 1)).Q * n**0.5
    r = r - basis @ (basis.T @ r) / n
    w = torch.nn.functional.normalize(normal(generator, 40, d))
    first = (w @ q.T).abs().amax(1)
    w, b = ascend(y, r, w, torch.zeros(40).double(), 80)
    cosine, which = (w @ q.T).abs().max(1)
    assert float(first.median()) < 0.8
    # sampling error of a direction, about (d/n)^½ = 0.04 rad: cos 0.999
    assert float(cosine.quantile(0.2)) > 0.99
    assert set(which.tolist()) == set(range(d))
    profile = torch.linspace(-1.5, 1.5, 3).double()
    chosen, biases, left, _ = pursue(y, r, basis, w, b, profile, 3 * d, 0.01)
    assert chosen.shape == (3 * d, d)
    assert set((chosen @ q.T).abs().argmax(1).tolist()) == set(range(d))  # each of them once
    assert biases.tolist() == profile.tolist() * d
    columns = torch.cat([basis, torch.tanh(y @ chosen.T + biases)], 1)
    exact = r - columns @ torch.linalg.lstsq(columns, r, driver="gelsd").solution
    assert float(left.norm()) == pytest.approx(float(exact.norm()), rel=1e-3)  # the cut-off 1e-5
    assert float(left.square().sum() / r.square().sum()) < 0.1


TURN = random_rotation(2, 1)
LAW = FokkerPlanck1D(well, lambda x: torch.exp(-(x**2) / 2), (-10, 10), 1000, dt=0.01)
# V″ ≥ −0.64: two wells in each of two unknown directions
AFFINE = Problem(
    PushForward(Gaussian(2), Affine(2)),
    rotated_wells(TURN) + Entropy(),
    Affine(2).init(Generator()),
    t_end=0.8,
    samples=500,
    sampling="matched",
    exact=Separable([LAW, LAW], TURN),
    name="wells_2d",
)
GROWTH = Growth(layers=8, block=4, tol=1e-3, every=2, samples=1000, starts=16, steps=30)


def run(growth: Growth | None = GROWTH, start: Problem = AFFINE, **settings: object) -> Trajectory:
    options = {"record": 4, "seed": 1, "progress": False, **settings}
    return evolve(start, Explicit(0.05), growth=growth, **options)  # type: ignore[arg-type]


def test_a_run_grows_and_its_record_has_one_size() -> None:
    found, plain = run(), run(None)
    assert found.status == "completed"
    assert sum(g["layers"] for g in found.growths) == 8
    assert [g["step"] for g in found.growths][:1] == [0]
    assert len(found.growths) > 1
    larger = grown(AFFINE, found.growths, found.thetas[0])
    assert larger.model.transform.n_params == 6 + 5 * 8
    assert {len(theta) for theta in found.thetas} == {46}
    start = AFFINE.model.cloud(AFFINE.theta0, normal(Generator().manual_seed(0), 50, 2))
    again = larger.model.cloud(larger.theta0, start.z)
    assert relative_gap(again.x, start.x) < 1e-14
    errors, coarse = evaluate(larger, found, 8192), evaluate(AFFINE, plain, 8192)
    # an affine map keeps the law Gaussian
    assert errors.errors["marginal_w2"][-1] < 0.5 * coarse.errors["marginal_w2"][-1]


def test_before_it_grows_a_run_is_what_it_is_without_growth() -> None:
    late = replace(GROWTH, every=100, tol=1e-9)
    start = replace(AFFINE, name="late")
    part = run(None, start, callback=stop_after(8))

    def look_later(self: Growth, step: int) -> bool:
        return step == 8

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Growth, "due", look_later)
        whole = run(late, start)
    assert whole.growths[0]["step"] == 8
    larger = grown(start, whole.growths, whole.thetas[0])
    z = normal(Generator().manual_seed(0), 100, 2)
    for t, theta, old in zip(whole.times, whole.thetas, part.thetas, strict=False):
        if t > part.state.t:
            break
        new_cloud, cloud = larger.model.cloud(theta, z), start.model.cloud(old, z)
        # the same θ, and sums of another order
        assert relative_gap(new_cloud.x, cloud.x) < 1e-13
        assert relative_gap(new_cloud.log_rho, cloud.log_rho) < 1e-13
        assert relative_gap(new_cloud.score, cloud.score) < 1e-12


@pytest.mark.parametrize("steps", [1, 3])
def test_a_resumed_run_grows_as_an_unbroken_one(steps: int, tmp_path: Path) -> None:
    path = tmp_path / "run"
    part = run(callback=stop_after(steps), checkpoint=path)
    assert part.status == "interrupted"
    loaded = Trajectory.load(path)
    assert loaded.growths == part.growths
    whole = run()
    again = run(resume=loaded)
    assert_equal(again, whole)
    assert again.growths == whole.growths
    with pytest.raises(ValueError, match="cannot resume: the stored run has growth="):
        run(None, resume=loaded)
    with pytest.raises(ValueError, match=r"growth=None instead of growth=.Growth\("):
        run(resume=run(None, callback=stop_after(1)))


def test_growth_needs_room_and_a_residual() -> None:
    assert run(replace(GROWTH, tol=10.0)).growths == []
    full = insert(AFFINE.model.transform, torch.eye(2).double(), torch.zeros(2).double())
    start = replace(
        AFFINE,
        model=PushForward(Gaussian(2), full.transform),
        theta0=full.embed(AFFINE.theta0),
    )
    no_room = Growth(layers=5, biases=4)  # 2 of the 5 are there
    assert grow(start, State(start.theta0), no_room, Generator().manual_seed(0)) is None
    # an Ornstein–Uhlenbeck flow is affine: nothing is missing
    easy = problem("ornstein_uhlenbeck_10d", transform="affine")
    found = grow(easy, State(easy.theta0), Growth(layers=8, samples=500), Generator())
    assert found is None


def fresh_misfit(at: Problem, theta: Tensor, seed: int) -> float:
    """E|v − Jξ|² on a fresh sample, ξ the least-squares solution on another one."""

    def look(seed: int) -> tuple[Jacobian, Tensor]:
        z = at.model.reference.draw(4096, Generator().manual_seed(seed), theta.dtype, "matched")
        cloud, jacobian = at.model.linearize(theta, z)
        return jacobian, at.energy.velocity(cloud)

    jacobian, v = look(seed)
    metric = RelaxedMetric(jacobian)
    xi = Dense(1e-9).solve(metric, metric.right_hand_side(v), None, v).x
    jacobian, v = look(seed + 1)
    return float((v - jacobian.jvp(xi)).square().sum(1).mean())


@pytest.mark.parametrize("family", ["planar", "residual"])
def test_the_residual_on_a_fresh_sample_falls(family: str) -> None:
    start, theta = AFFINE, AFFINE.theta0
    state = State(theta)
    values = [fresh_misfit(start, theta, 10)]
    for k in range(3):
        growth = replace(GROWTH, layers=2 * (k + 1), family=family)
        found = grow(start, state, growth, Generator().manual_seed(k))
        assert found is not None
        start, state = found.problem, found.state
        values.append(fresh_misfit(start, state.theta, 10))
        # averages of sixth powers over 1000 points here and 4096 there
        assert 0.5 < values[-1] / found.report["predicted"] < 2
    # rises by sampling are of order m/n = 1 %
    assert all(b < 1.01 * a for a, b in pairwise(values))
    assert values[-1] < 0.2 * values[0]


def test_pruning_merges_equal_layers() -> None:
    generator = Generator().manual_seed(0)
    planar = Planar(2, 3)
    transform = Compose(Affine(2), planar)
    theta = random_theta(transform, generator)
    w, _, b = planar.split(theta[6:])
    # nearly a copy of the last layer, with little of its u, and one with u = 0
    inserted = insert(transform, torch.stack([w[2], w[0]]), torch.stack([b[2], b[0]]))
    larger, p = inserted.transform, inserted.embed(theta)
    model = PushForward(Gaussian(2), larger)
    head, (w, u, b) = p[:6], Planar(2, 5).split(p[6:])
    u = torch.stack([u[0], u[1], u[2], 0.02 * u[2], u[4]])
    p = torch.cat([head, w.reshape(-1), u.reshape(-1), b])
    costs, _ = layer_costs(model, p, Gaussian(2).draw(1000, generator))
    assert float(costs[4]) == 0.0
    assert float(costs[3]) < 1e-3 * float(costs[:3].max())
    found = prune(model, p, 0.02, generator)
    assert len(found.kept) <= 3
    assert found.w2_bound <= 0.02
    z = Gaussian(2).draw(4096, generator)
    x, y = model.cloud(p, z).x, found.model.cloud(found.theta, z).x
    # the bound allows for the error of its own sample
    assert float((x - y).square().sum(1).mean()) ** 0.5 <= found.w2_bound
    assert sliced_w2(x, y, generator) <= found.w2_bound


def test_pruning_changes_the_law_by_less_than_its_bound_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = PushForward(Gaussian(2), Residual(2, 8, scale=2.0))

    def changes_over_bounds(tol: float) -> list[float]:
        out = []
        for seed in range(20):
            theta = random_theta(model.transform, Generator().manual_seed(seed))
            found = prune(model, theta, tol, Generator().manual_seed(seed), samples=256)
            assert 0 < found.w2_bound <= tol
            z = Gaussian(2).draw(2**16, Generator().manual_seed(100 + seed))
            gap = model.cloud(theta, z).x - found.model.cloud(found.theta, z).x
            out.append(float(gap.square().sum(1).mean().sqrt()) / found.w2_bound)
        return out

    assert max(changes_over_bounds(0.02)) < 1
    # what the sample itself says is too small in some of the cases
    module = import_module("pwgf_core.growth.prune")  # the function hides it
    monkeypatch.setattr(module, "SIGMAS", 0)
    assert max(changes_over_bounds(0.02)) > 1


def test_the_cost_of_a_layer_is_what_least_squares_loses() -> None:
    generator = Generator().manual_seed(0)
    transform = Residual(2, 5, scale=1.0)
    theta, z = random_theta(transform, generator), normal(generator, 300, 2)
    model = PushForward(Gaussian(2), transform)
    costs, _ = layer_costs(model, theta, z)
    jacobian = transform.jacobian(theta, z)
    features = torch.cat([units(jacobian)[1], torch.ones(300, 1).double(), z], 1)
    for k in range(5):
        rest = torch.cat([features[:, :k], features[:, k + 1 :]], 1)
        miss = jacobian.x - rest @ torch.linalg.lstsq(rest, jacobian.x).solution
        # the shift 1e-9 of the Gram matrix against its smallest eigenvalue
        assert float(costs[k]) == pytest.approx(float(miss.square().sum(1).mean()), rel=1e-4)


def test_a_bound_of_zero_removes_nothing_that_matters() -> None:
    transform = Residual(2, 3)
    theta = random_theta(transform, Generator().manual_seed(0))
    found = prune(PushForward(Gaussian(2), transform), theta, 1e-12, Generator().manual_seed(1))
    assert torch.equal(found.theta, theta)
    assert found.w2_bound == 0.0


def test_the_certificate_holds_and_growth_lowers_it() -> None:
    found, plain = run(record=16), run(None, record=16)
    z = Gaussian(2).draw(4096, Generator().manual_seed(5), sampling="matched")
    larger = grown(AFFINE, found.growths, found.thetas[0])
    bound = certificate(larger, found.times, found.thetas, z, lam=-0.64)
    coarse = certificate(AFFINE, plain.times, plain.thetas, z, lam=-0.64)
    errors = evaluate(larger, found, 16384).errors["marginal_w2_max"]
    assert bound.times == found.times
    # at t = 0 the sample's own distance, 0.005, is all there is
    assert all(e <= b + 0.01 for e, b in zip(errors, bound.bound, strict=True))
    assert bound.bound[-1] < 0.7 * coarse.bound[-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 0}, "layers must be an integer of at least 1, got 0"),
        (
            {"layers": 3, "biases": 4, "block": None},
            "layers must be at least biases = 4, as a direction enters with all of them, got 3",
        ),
        ({"every": 0}, "every must be an integer of at least 1, got 0"),
        ({"block": 1, "biases": 2}, "block must be an integer of at least 2, got 1"),
        ({"tol": 0.0}, "tol must be a finite number above 0, got 0.0"),
        ({"share": math.nan}, "share must be a finite number above 0, got nan"),
        ({"family": "affine"}, "family must be one of planar, residual, got 'affine'"),
    ],
)
def test_wrong_settings_are_named(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(GROWTH, **change)


@pytest.mark.parametrize(
    ("transform", "family"),
    [
        (Residual(3, 2, "relu"), "residual"),
        (Affine(3, "diagonal"), "residual"),
        (Compose(Planar(3, 2), Residual(3, 2, "relu")), "planar"),
    ],
    ids=str,
)
def test_maps_that_cannot_grow_are_named(transform: Transform, family: str) -> None:
    with pytest.raises(ValueError, match="transform must be a full Affine, Planar or Residual"):
        insert(transform, torch.zeros(1, 3), torch.zeros(1), family)
    with pytest.raises(ValueError, match=r"w must have shape \(any, 3\), got \(1, 2\)"):
        insert(transform, torch.zeros(1, 2), torch.zeros(1), family)


def test_radial_blocks_of_a_quadratic_potential_scale() -> None:
    # V = 2|x|²: N(0, s² I) with s² = 1/4 + 3/4 e^{−8t}, and the flow is z ↦ s z
    flow = RadialBlocks([lambda r: 2 * r * r] * 2, [6, 5], random_rotation(11, 0), cells=2000)
    z = normal(Generator().manual_seed(0), 500, 11)
    for t in (0.1, 0.5):
        s = math.sqrt(0.25 + 0.75 * math.exp(-8 * t))
        # constant density in cells of 0.005
        assert float((flow.map(z, t) - s * z).abs().max()) < 0.01
        energy = 11 * (2 * s * s - math.log(s) - 0.5 * math.log(2 * math.pi * math.e))
        assert flow.energy(t) == pytest.approx(energy, abs=2e-3)
    with pytest.raises(ValueError, match="sizes must be an integer of at least 5, got 2"):
        RadialBlocks([lambda r: r], [2])


def test_shells_start_at_their_law_and_know_their_gradient() -> None:
    start = shells_10d("affine", rotate=1)
    cloud = evaluation_cloud(start, start.theta0, 8192)
    assert start.exact is not None
    errors = start.exact.errors(cloud, 0.0)
    assert errors["map_l2"] < 1e-2  # cells of 0.0025, and the tails beyond them
    # a Sobol error of a fourth moment
    assert float(start.energy.value(cloud)) == pytest.approx(start.exact.energy(0.0), rel=0.02)
    x = cloud.x[:50]
    plain = torch.func.grad(lambda x: start.energy.terms[0][1].V(x).sum())(x)  # type: ignore[attr-defined]
    given = start.energy.terms[0][1].gradient(x)  # type: ignore[attr-defined]
    assert relative_gap(given, plain) < 1e-12
    assert start.exact.energy(1.0) < start.exact.energy(0.1) < start.exact.energy(0.0)


def test_a_mixture_is_normalised_and_is_the_minimum() -> None:
    law = mixture_target(2, 3)
    assert law.centres.shape == (5, 2)
    assert float(law.centres.abs().max()) <= 5
    axis = torch.linspace(-11, 11, 441, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    # the trapezoidal rule is exact to round-off for analytic functions that vanish at the ends
    assert float(law.log_prob(grid).exp().sum()) * 0.05**2 == pytest.approx(1.0, abs=1e-8)
    x = law.sample(100, Generator().manual_seed(0))
    score = torch.func.grad(lambda x: law.log_prob(x).sum())(x)
    assert relative_gap(law.score(x), score) < 1e-12
    start = gaussian_mixture("affine", dim=2, draw=3)
    cloud = evaluation_cloud(start, start.theta0, 16384)
    value = float(start.energy.value(cloud))
    # KL(N(0, 16 I) ‖ mixture) by quadrature out to 5.5 standard deviations
    log_p = -0.5 * (2 * grid).square().sum(1) / 16 - math.log(32 * math.pi)
    exact = float((log_p.exp() * (log_p - law.log_prob(2 * grid))).sum()) * 0.1**2
    assert value == pytest.approx(exact, rel=0.01)  # a Sobol error


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_thirty_dimensions_grow_from_an_affine_map(seed: int) -> None:
    start = problem("styblinski_tang_30d", transform="affine", rotate=seed + 1, seed=seed)
    found = evolve(
        start,
        Explicit(start.h),
        record=1,
        seed=seed,
        progress=False,
        growth=Growth(layers=120, biases=4),
    )
    assert found.status == "completed"
    larger = grown(start, found.growths, found.thetas[0])
    result = evaluate(larger, found)
    assert start.exact is not None
    assert result.errors["marginal_w2"][-1] <= 0.015
    assert abs(result.energy[-1] - start.exact.energy(1.8)) <= 0.05
