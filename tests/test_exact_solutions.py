"""Exact solutions beyond Ornstein–Uhlenbeck, each against an independent route."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from cases import normal, random_theta, relative_gap
from torch import Generator, Tensor

from pwgf_core import (
    Affine,
    Aggregation2D,
    BarenblattSolution,
    Cloud,
    Dense,
    Entropy,
    Explicit,
    FokkerPlanck1D,
    Gaussian,
    Interaction,
    LinearDrift,
    NumericalError,
    OrnsteinUhlenbeck,
    PorousMedium,
    Potential,
    Problem,
    ProjectedGaussian,
    PushForward,
    QuarticInteraction,
    RelaxedMetric,
    Separable,
    convergence_order,
    evaluate,
    evaluation_cloud,
    evolve,
    gaussian_proximal_step,
    gaussian_w2,
    misfits,
    particle_flow,
)
from pwgf_core.state import Exact


def symmetric(generator: Generator, dim: int) -> Tensor:
    a = normal(generator, dim, dim)
    return 0.5 * (a + a.T)


def rotation(dim: int, generator: Generator) -> Tensor:
    return torch.linalg.qr(normal(generator, dim, dim)).Q


def midpoints(n: int) -> Tensor:
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


# The protocol


def law(rate: float, centre: float) -> FokkerPlanck1D:
    return FokkerPlanck1D(
        lambda x: 0.5 * rate * (x - centre) ** 2, lambda x: torch.exp(-0.5 * x**2), (-9, 9), 1500
    )


def every_solution() -> dict[str, Exact]:
    mean, eye = torch.ones(2), torch.eye(2)
    return {
        "ornstein_uhlenbeck": OrnsteinUhlenbeck(mean, 0.5 * eye),
        "heat": LinearDrift(mean, 0 * eye),
        "separable": Separable([law(1.0, 1.0), law(2.0, 0.0)]),
        "aggregation": Aggregation2D(initial=lambda z: 1.25 + 0.18**0.5 * z),
        "barenblatt": BarenblattSolution(2, 2.0, 0.3),
        "projected": ProjectedGaussian(mean, 2 * eye, "diagonal"),
    }


@pytest.mark.parametrize("name", sorted(every_solution()))
def test_every_solution_serves_an_evaluation(name: str, generator: Generator) -> None:
    # The evaluation's clouds know their z; energies of exact solutions fall.
    exact, transform = every_solution()[name], Affine(2)
    problem = Problem(
        PushForward(Gaussian(2), transform), Entropy(), transform.init(generator), exact=exact
    )
    run = evolve(
        problem, Explicit(h=0.1), t_end=0.2, samples=64, sampling="matched", record=2,
        progress=False,
    )  # fmt: skip
    errors = evaluate(problem, run, 256).errors
    assert errors
    assert all(math.isfinite(e) and e >= 0 for values in errors.values() for e in values)
    energies = [exact.energy(t) for t in (0.0, 0.1, 0.5, 1.0)]
    assert all(a > b for a, b in pairwise(energies))


def test_clouds_know_their_points(generator: Generator) -> None:
    transform = Affine(2)
    model, z = PushForward(Gaussian(2), transform), normal(generator, 9, 2)
    theta = random_theta(transform, generator)
    assert model.linearize(theta, z)[0].z is z
    cloud = model.cloud(theta, z, chunk=4)
    assert torch.equal(transform(theta, cloud.z), cloud.x)


# Gaussian flows


def test_any_symmetric_drift_solves_the_moment_equations(generator: Generator) -> None:
    # P with a negative, a zero and a positive eigenvalue.
    q = rotation(3, generator)
    p = (q * torch.tensor([-0.7, 0.0, 2.0])) @ q.T
    flow = LinearDrift(normal(generator, 3), 0.5 * (p + p.T), diffusion=0.3)
    t, step = 0.4, 1e-4
    dc = (flow.covariance(t + step) - flow.covariance(t - step)) / (2 * step)
    dm = (flow.mean(t + step) - flow.mean(t - step)) / (2 * step)
    c = flow.covariance(t)
    assert relative_gap(dc, 0.6 * torch.eye(3) - p @ c - c @ p) < 1e-7  # step²
    assert relative_gap(dm, -p @ (flow.mean(t) - flow.mu)) < 1e-7
    matrix = 0.3 * torch.linalg.inv(c) - p
    speed = torch.trace(matrix @ c @ matrix.T) + (p @ (flow.mean(t) - flow.mu)).square().sum()
    slope = (flow.energy(t + step) - flow.energy(t - step)) / (2 * step)
    assert slope == pytest.approx(-float(speed), rel=1e-6)


def test_the_heat_equation_spreads_at_2d() -> None:
    heat = LinearDrift(torch.ones(2), torch.zeros(2, 2), 0.3)
    assert relative_gap(heat.covariance(0.7), 1.42 * torch.eye(2).double()) < 1e-15  # 1 + 2Dt
    assert torch.equal(heat.mean(0.7), heat.m0)


def test_both_constructions_of_one_flow_agree(generator: Generator) -> None:
    factor = normal(generator, 3, 3)
    sigma, mean = factor @ factor.T + 0.2 * torch.eye(3), normal(generator, 3)
    a = OrnsteinUhlenbeck(mean, sigma, 0.7)
    b = LinearDrift(mean, a.precision, 0.7)
    for t in (0.0, 0.3, 2.0):
        assert relative_gap(b.covariance(t), a.covariance(t)) < 1e-12  # two eigenproblems
        assert b.energy(t) == pytest.approx(a.energy(t), rel=1e-12)
    log_z = 0.5 * float(torch.logdet(2 * math.pi * 0.7 * sigma))
    assert a.energy(0.3) == pytest.approx(0.7 * (a.kl(0.3) - log_z), rel=1e-12)


def test_a_drift_must_be_symmetric() -> None:
    with pytest.raises(ValueError, match="precision must be symmetric"):
        LinearDrift(torch.zeros(2), torch.tensor([[1.0, 0.5], [0.0, 1.0]]))
    with pytest.raises(ValueError, match=r"initial_covariance must have shape \(2, 2\)"):
        LinearDrift(torch.zeros(2), torch.eye(2), initial_covariance=torch.eye(3))


# Products


def test_a_rotated_product_is_ornstein_uhlenbeck(generator: Generator) -> None:
    # V(x) = Σ ½ p_i ((Qx)_i − c_i)², so P = Qᵀ diag(p) Q, μ = Qᵀc.
    rates, centres = [1.0, 2.0, 0.5], [1.0, 0.0, -1.0]
    q = rotation(3, generator)
    flow = Separable([law(p, c) for p, c in zip(rates, centres, strict=True)], q)
    exact = LinearDrift(torch.tensor(centres).double() @ q, (q.T * torch.tensor(rates)) @ q)
    z = Gaussian(3).draw(2**14, generator, sampling="sobol")
    for t in (0.3, 1.0):
        assert flow.energy(t) == pytest.approx(exact.energy(t), abs=3e-4)  # dx² = 1.4e-4
        factor = torch.linalg.cholesky(q @ exact.covariance(t) @ q.T)
        y = exact.mean(t) @ q.T + z @ factor.T
        errors = flow.errors(Cloud(y @ q), t)
        assert errors["marginal_w2_max"] < 1e-2  # tails of 2¹⁴ Sobol points
        assert flow.errors(Cloud(y), t)["marginal_w2"] > 0.05  # in the wrong coordinates


def test_marginals_of_a_product(generator: Generator) -> None:
    one = law(2.0, 0.3)
    flow = Separable([one] * 4)
    u = midpoints(3000)
    columns = [one.quantile(u, 0.5)[torch.randperm(len(u), generator=generator)] for _ in range(4)]
    x = torch.stack(columns, 1)
    assert flow.errors(Cloud(x), 0.5) == {"marginal_w2": 0.0, "marginal_w2_max": 0.0}
    shift = torch.tensor([0.1, 0.0, 0.2, 0.3], dtype=torch.float64)
    errors = flow.errors(Cloud(x + shift), 0.5)
    assert errors["marginal_w2"] == pytest.approx(0.15, rel=1e-12)
    assert errors["marginal_w2_max"] == pytest.approx(0.3, rel=1e-12)
    assert flow.energy(0.5) == pytest.approx(4 * one.energy(0.5), rel=1e-14)


def test_a_product_needs_laws_and_an_orthogonal_matrix() -> None:
    with pytest.raises(ValueError, match="laws must have a length above 0, got 0"):
        Separable([])
    with pytest.raises(ValueError, match="rotation must be orthogonal"):
        Separable([law(1.0, 0.0)] * 2, 2 * torch.eye(2))
    with pytest.raises(ValueError, match=r"rotation must have shape \(2, 2\), got \(3, 3\)"):
        Separable([law(1.0, 0.0)] * 2, torch.eye(3))
    with pytest.raises(ValueError, match=r"x must have shape \(any, 2\), got \(5, 3\)"):
        Separable([law(1.0, 0.0)] * 2).errors(Cloud(torch.zeros(5, 3)), 0.1)


# Particles and aggregation


def test_particles_move_with_order_four(generator: Generator) -> None:
    x = 0.5 * normal(generator, 20, 2)
    energy = QuarticInteraction()
    fine = particle_flow(energy, x, 1.0, 640)
    steps = [20, 40, 80]
    errors = [relative_gap(particle_flow(energy, x, 1.0, n), fine) for n in steps]
    assert convergence_order([1 / n for n in steps], errors) == pytest.approx(4, abs=0.15)
    by_pairs = particle_flow(Interaction(energy.kernel, pairs="all"), x, 1.0, 20)
    assert relative_gap(by_pairs, particle_flow(energy, x, 1.0, 20)) < 1e-13  # round-off


def test_particles_that_blow_up_are_reported() -> None:
    with pytest.raises(NumericalError, match="take more steps"):
        particle_flow(QuarticInteraction(), 1e3 * torch.tensor([[0.0], [1.0]]), 1.0, 20)
    with pytest.raises(ValueError, match="needs score of the cloud"):
        particle_flow(Entropy(), torch.zeros(2, 1), 1.0, 1)
    with pytest.raises(ValueError, match="steps must be an integer of at least 1, got 0"):
        particle_flow(QuarticInteraction(), torch.zeros(2, 1), 1.0, 0)


def rings(radii: int, b: float = 0.6) -> Tensor:
    """Points of N(0, (b²/2) I): eight directions times equal-mass quantiles of the radius."""
    r = b * torch.sqrt(-torch.log1p(-midpoints(radii)))
    angle = torch.arange(8).double() * math.pi / 4
    directions = torch.stack([torch.cos(angle), torch.sin(angle)], 1)
    return (r[:, None, None] * directions).reshape(-1, 2)


def test_aggregation_is_the_limit_of_particle_flows() -> None:
    flow, gaps = Aggregation2D(), []
    sizes = [100, 400, 1600]
    for radii in sizes:
        z = flow.centre + rings(radii)
        x = particle_flow(QuarticInteraction(), z, 2.0, 60)
        gaps.append(flow.errors(Cloud(x, z=z), 2.0)["map_l2"])
    # The mean of r² over n midpoint quantiles of an exponential is off by about log 2/(2n).
    assert convergence_order([1 / n for n in sizes], gaps) == pytest.approx(1, abs=0.15), gaps
    assert gaps[-1] < 2e-4


def test_aggregation_of_twenty_thousand_random_particles(generator: Generator) -> None:
    # The figures of such a run; a mean radius has the standard error 0.28/√20000 = 0.002 at t = 0.
    flow = Aggregation2D()
    z = flow.centre + math.sqrt(0.18) * normal(generator, 20000, 2)
    x, before = z, 0.0
    for t, radius in ((1.0, 0.5217), (2.0, 0.5453), (5.0, 0.5724), (10.0, 0.5772)):
        x, before = particle_flow(QuarticInteraction(), x, t - before, 40), t
        errors = flow.errors(Cloud(x, z=z), t)
        assert flow.mean_radius(t) == pytest.approx(radius, abs=2e-3)
        assert errors["mean_radius"] == pytest.approx(radius, abs=2e-3)
        assert errors["mean_radius_error"] < 2e-3
        assert errors["map_l2"] < 0.02  # the sampled mean is off by 0.42 √2/√20000 = 0.004
        value = float(QuarticInteraction().value(Cloud(x)))
        assert value == pytest.approx(flow.energy(t), abs=2e-3)


def test_aggregation_ends_on_the_ring() -> None:
    flow = Aggregation2D()
    assert flow.mean_radius(60.0) == pytest.approx(1 / math.sqrt(3), abs=1e-12)
    assert flow.energy(60.0) == pytest.approx(-1 / 12, abs=1e-12)
    # At the start: E r = b Γ(3/2), E r² = b², E r⁴ = 2 b⁴.
    assert flow.mean_radius(0.0) == pytest.approx(0.6 * math.sqrt(math.pi) / 2, rel=1e-13)
    assert flow.energy(0.0) == pytest.approx(0.36**2 - 0.18, rel=1e-13)
    times = [0.0, 0.5, 1.0, 2.0, 5.0, 20.0]
    assert all(a > b for a, b in pairwise(flow.energy(t) for t in times))


def test_aggregation_dissipates_its_squared_velocity() -> None:
    flow, t, step = Aggregation2D(), 0.7, 1e-4
    x = flow.map(flow.centre + rings(20000), t)
    v = QuarticInteraction().velocity(Cloud(x))
    slope = (flow.energy(t + step) - flow.energy(t - step)) / (2 * step)
    assert slope == pytest.approx(-float((v * v).sum(1).mean()), rel=1e-4)  # 1/n of the quantiles


def test_aggregation_from_a_standard_reference(generator: Generator) -> None:
    centre = torch.tensor([0.5, -2.0])
    shifted = Aggregation2D(centre, initial=lambda z: centre + math.sqrt(0.18) * z)
    plain, z = Aggregation2D(), normal(generator, 10, 2)
    x = plain.map(plain.centre + math.sqrt(0.18) * z, 3.0)
    assert relative_gap(shifted.map(z, 3.0) - centre, x - plain.centre) < 1e-7  # centre in float32
    errors = plain.errors(Cloud(x + 0.1, z=plain.centre + math.sqrt(0.18) * z), 3.0)
    assert errors["map_l2"] == pytest.approx(0.1 * math.sqrt(2), rel=1e-9)


def test_aggregation_names_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"centre must have shape \(2\), got \(3,\)"):
        Aggregation2D(torch.zeros(3))
    with pytest.raises(ValueError, match="b must be a finite number above 0"):
        Aggregation2D(b=0.0)
    with pytest.raises(ValueError, match="needs z of the cloud"):
        Aggregation2D().errors(Cloud(torch.zeros(3, 2)), 1.0)
    with pytest.raises(ValueError, match=r"t must be a finite number of at least 0, got -1\.0"):
        Aggregation2D().energy(-1.0)


# Porous medium

each_profile = pytest.mark.parametrize(("dim", "m"), [(1, 2.0), (1, 3.0), (2, 2.0), (2, 1.5)])


@each_profile
def test_barenblatt_integrals(dim: int, m: float) -> None:
    flow = BarenblattSolution(dim, m, t0=0.3)
    t, n = 0.7, 200001
    r = torch.linspace(0, flow.radius(t), n, dtype=torch.float64)
    x = torch.zeros(n, dim).double()
    x[:, 0] = r
    rho = flow.density(x, t)
    sphere = 2.0 if dim == 1 else 2 * math.pi * r

    def integral(values: Tensor) -> float:
        return float(torch.trapezoid(sphere * values, r))

    # trapezoidal rule; the root at the boundary for m = 3 costs half an order
    assert integral(rho) == pytest.approx(1, rel=1e-6)
    assert integral(r**2 * rho) == pytest.approx(dim * flow.variance(t), rel=1e-6)
    assert integral(rho**m) / (m - 1) == pytest.approx(flow.energy(t), rel=1e-6)
    assert float(flow.density(1.001 * x[-1:], t)) == 0.0


@each_profile
def test_barenblatt_solves_the_equation(dim: int, m: float, generator: Generator) -> None:
    flow, t = BarenblattSolution(dim, m, t0=0.3), 0.7
    x = 0.5 * flow.radius(t) * torch.tanh(normal(generator, 8, dim)) / math.sqrt(dim)
    power = torch.func.hessian(lambda p: (flow.density(p[None], t) ** m).sum())
    laplacian = torch.stack([torch.trace(power(p)) for p in x])
    step = 1e-4
    rate = (flow.density(x, t + step) - flow.density(x, t - step)) / (2 * step)
    assert relative_gap(rate, laplacian) < 1e-6  # step²


@each_profile
def test_barenblatt_moves_by_the_velocity_of_its_energy(
    dim: int, m: float, generator: Generator
) -> None:
    flow, t = BarenblattSolution(dim, m, t0=0.3), 0.7
    x = 0.5 * flow.radius(t) * torch.tanh(normal(generator, 8, dim)) / math.sqrt(dim)
    score = torch.func.grad(lambda p: flow.density(p, t).log().sum())(x)
    v = PorousMedium(m).velocity(Cloud(x, flow.density(x, t).log(), score))
    assert relative_gap(v, flow.beta / (flow.t0 + t) * x) < 1e-12  # round-off
    # and so −dF/dt = E|v|² = d var (β/(t0 + t))²
    step = 1e-4
    slope = (flow.energy(t + step) - flow.energy(t - step)) / (2 * step)
    speed = dim * flow.variance(t) * (flow.beta / (flow.t0 + t)) ** 2
    assert slope == pytest.approx(-speed, rel=1e-6)


def test_errors_of_barenblatt(generator: Generator) -> None:
    flow = BarenblattSolution(2, 2.0, t0=0.3)
    # r²/R² has the distribution function 1 − (1 − s)^{p+1}, p = 1/(m − 1) = 1.
    n = 2**14
    s = 1 - (1 - midpoints(n)) ** 0.5
    angle = 2.399963 * torch.arange(n).double()  # the golden angle spreads the directions
    z = flow.radius(0.0) * s.sqrt()[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    x = flow.map(z, 0.7)
    errors = flow.errors(Cloud(x, z=z), 0.7)
    assert errors["map_l2"] == 0.0
    assert errors["bures_w2"] < 1e-3  # moments of 2¹⁴ points
    assert errors["support_radius"] == pytest.approx(flow.radius(0.7), rel=5e-3)  # the last point
    assert errors["support_radius_error"] == 0.0
    wide = flow.errors(Cloud(1.02 * x, z=z), 0.7)
    root = math.sqrt(2 * flow.variance(0.7))
    assert wide["map_l2"] == pytest.approx(0.02 * root, rel=1e-3)
    assert wide["bures_w2"] == pytest.approx(0.02 * root, rel=1e-2)
    assert wide["support_radius_error"] == pytest.approx(0.02, rel=1e-10)


def test_barenblatt_names_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="m must be a finite number above 1, got 1"):
        BarenblattSolution(2, 1.0)
    with pytest.raises(ValueError, match="t0 must be a finite number above 0, got 0"):
        BarenblattSolution(2, 2.0, 0.0)
    with pytest.raises(ValueError, match="t must be a finite number of at least 0, got -1"):
        BarenblattSolution(2).energy(-1.0)


# Projected flows of affine maps


@pytest.mark.parametrize("kind", ["triangular", "full"])
def test_some_affine_maps_follow_the_exact_flow(kind: str, generator: Generator) -> None:
    # Triangular maps under the Wasserstein metric, full ones under both.
    p, mean, start = symmetric(generator, 3), normal(generator, 3), normal(generator, 3)
    exact = LinearDrift(mean, p, 0.6, initial_mean=start)
    for metric in ("wasserstein", "relaxed")[: 1 if kind == "triangular" else 2]:
        flow = ProjectedGaussian(mean, p, kind, metric, 0.6, initial_mean=start)
        for t in (0.2, 1.0):
            # ten times the tolerance of the integrator, accumulated
            assert relative_gap(flow.covariance(t), exact.covariance(t)) < 1e-9
            assert relative_gap(flow.mean(t), exact.mean(t)) < 1e-9
            assert flow.energy(t) == pytest.approx(exact.energy(t), rel=1e-9)
        matrix = flow.parameters(1.0)[0]
        assert kind == "full" or torch.equal(matrix, matrix.tril())


@pytest.mark.parametrize("kind", ["full", "triangular", "diagonal", "translation"])
def test_the_relaxed_scheme_follows_the_projected_flow(kind: str, generator: Generator) -> None:
    p, mean = 2 * torch.eye(2) + symmetric(generator, 2), normal(generator, 2)
    transform = Affine(2, kind)
    problem = Problem(
        PushForward(Gaussian(2), transform),
        Potential.quadratic(mean, p) + 0.6 * Entropy(),
        transform.init(generator),
        sampling="matched",
        samples=64,
        solver=Dense(),
        exact=ProjectedGaussian(mean, p, kind, diffusion=0.6),
    )
    run = evolve(problem, Explicit(h=0.02, method="rk4"), t_end=0.6, record=1, progress=False)
    flow = problem.exact
    assert isinstance(flow, ProjectedGaussian)
    matrix, b = transform.split(run.state.theta)
    wanted, mean_wanted = flow.parameters(0.6)
    assert relative_gap(matrix, wanted) < 1e-6  # h⁴ with rates up to 4
    assert relative_gap(b, mean_wanted) < 1e-6
    cloud = evaluation_cloud(problem, run.state.theta, 256)
    assert flow.errors(cloud, 0.6)["bures_w2"] < 1e-5
    assert float(problem.energy.value(cloud)) == pytest.approx(flow.energy(0.6), abs=1e-6)


@pytest.mark.parametrize("kind", ["full", "triangular", "diagonal", "translation"])
def test_closed_misfits_are_those_of_least_squares(kind: str, generator: Generator) -> None:
    p, mean, t = 2 * torch.eye(3) + symmetric(generator, 3), normal(generator, 3), 0.3
    flow, transform = ProjectedGaussian(mean, p, kind), Affine(3, kind)
    matrix, b = flow.parameters(t)
    theta = transform.join(matrix, b)
    z = Gaussian(3).draw(128, generator, sampling="matched")
    cloud, jacobian = PushForward(Gaussian(3), transform).linearize(theta, z)
    v = (Potential.quadratic(mean, p) + Entropy()).velocity(cloud)

    # Gradients of quadratics: Qx + c with Q symmetric. Exact for affine fields.
    pairs = [(i, j) for i in range(3) for j in range(i + 1)]
    features = []
    for i, j in pairs:
        q = torch.zeros(3, 3).double()
        q[i, j] = q[j, i] = 1.0
        features.append((cloud.x @ q).reshape(-1))
    features += [torch.eye(3).double()[i].expand(len(z), 3).reshape(-1) for i in range(3)]
    basis = torch.linalg.qr(torch.stack(features, 1)).Q

    def project(field: Tensor) -> Tensor:
        return (basis @ (basis.T @ field.reshape(-1))).reshape(field.shape)

    found = misfits(jacobian, v, project)
    for a, c in zip(flow.misfits(t), found[:3], strict=True):
        assert c is not None
        assert c == pytest.approx(a, abs=1e-8)  # round-off over the smallest singular value
    relaxed, exact, projected = flow.misfits(t)
    assert exact <= projected + 1e-12 <= relaxed + 2e-12
    g = RelaxedMetric(jacobian).right_hand_side(v)
    speed = float((v * v).sum(1).mean())
    # δ̂ = E|v|² − gᵀĜ†g, and Ĝ = I for affine maps on matched samples.
    assert found.relaxed == pytest.approx(speed - float(g @ g), abs=1e-10)


def test_figures_of_the_rotated_stiff_case() -> None:
    c, s = math.cos(0.7), math.sin(0.7)
    q = torch.tensor([[c, -s], [s, c]]).double()
    p, mean = (q * torch.tensor([1.0, 8.0])) @ q.T, torch.ones(2)
    exact, flow = LinearDrift(mean, p), ProjectedGaussian(mean, p)
    for t, w2, relaxed, projected in ((0.4, 0.110, 0.255, 0.168), (2.0, 0.0059, 0.0046, 0.0030)):
        found = gaussian_w2(flow.mean(t), flow.covariance(t), exact.mean(t), exact.covariance(t))
        # the digits that are known
        assert found == pytest.approx(w2, abs=5e-4 if t < 1 else 5e-5)
        assert math.sqrt(flow.misfits(t)[0]) == pytest.approx(relaxed, abs=5e-4 if t < 1 else 5e-5)
        assert math.sqrt(flow.misfits(t)[2]) == pytest.approx(
            projected, abs=5e-4 if t < 1 else 5e-5
        )
        assert flow.misfits(t)[1] == 0.0


@pytest.mark.parametrize("p", [0.0, 0.25, 4.0])
def test_a_translation_cannot_change_the_variance(p: float) -> None:
    flow = ProjectedGaussian(torch.tensor([2.0]), torch.tensor([[p]]), "translation")
    assert flow.misfits(0.4) == pytest.approx((abs(p - 1) ** 2,) * 3, rel=1e-12)
    assert float(flow.covariance(0.4)) == 1.0
    assert float(flow.mean(0.4)) == pytest.approx(2 - 2 * math.exp(-0.4 * p), abs=1e-10)


def test_projected_flows_name_what_is_wrong() -> None:
    mean, eye = torch.zeros(2), torch.eye(2)
    with pytest.raises(ValueError, match="kind must be one of diagonal, full, translation, tri"):
        ProjectedGaussian(mean, eye, "upper")
    with pytest.raises(ValueError, match="metric must be one of relaxed, wasserstein"):
        ProjectedGaussian(mean, eye, metric="euclidean")
    with pytest.raises(ValueError, match="initial_matrix must be that of a diagonal map"):
        ProjectedGaussian(mean, eye, "diagonal", initial_matrix=torch.ones(2, 2))
    with pytest.raises(ValueError, match=r"precision must have shape \(2, 2\), got \(3, 3\)"):
        ProjectedGaussian(mean, torch.eye(3))
    with pytest.raises(ValueError, match="t must be a finite number of at least 0"):
        ProjectedGaussian(mean, eye).energy(math.inf)


@pytest.mark.parametrize("h", [0.05, 1.0])
def test_the_proximal_step_of_gaussians_is_optimal(h: float) -> None:
    p, mean = torch.tensor([1.0, 50.0]).double(), torch.tensor([1.0, -2.0]).double()
    sigma, b = torch.tensor([1.5, 0.7]).double(), torch.tensor([0.3, 0.4]).double()

    def objective(s: Tensor, c: Tensor) -> Tensor:
        w2 = (s - sigma).square().sum() + (c - b).square().sum()
        energy = 0.5 * (p * (s * s + (c - mean) ** 2)).sum() - 0.6 * s.log().sum()
        return w2 / (2 * h) + energy

    end = gaussian_proximal_step(sigma, b, h, p, mean, 0.6)
    slopes = torch.func.grad(objective, (0, 1))(*end)
    assert float(torch.cat(slopes).abs().max()) < 1e-11  # round-off of a convex function
    with pytest.raises(ValueError, match="h must be a finite number above 0"):
        gaussian_proximal_step(sigma, b, 0.0, p, mean)


def test_proximal_steps_converge_to_the_flow_with_order_one() -> None:
    p, mean = torch.tensor([1.0, 8.0]).double(), torch.ones(2).double()
    flow = LinearDrift(mean, torch.diag(p))
    steps, errors = [20, 40, 80], []
    for n in steps:
        sigma, b = torch.ones(2).double(), torch.zeros(2).double()
        for _ in range(n):
            sigma, b = gaussian_proximal_step(sigma, b, 0.5 / n, p, mean)
        cov = torch.diag(sigma**2)
        errors.append(gaussian_w2(b, cov, flow.mean(0.5), flow.covariance(0.5)))
    assert convergence_order([1 / n for n in steps], errors) == pytest.approx(1, abs=0.1)
