"""A sample spread over several processes gives what one process gives.

Threads play the processes here; tests/test_torchrun.py starts real ones.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import small_run
import torch
from cases import ENERGIES, normal, random_theta, relative_gap
from threads import ThreadWorld, in_threads, shapes_summed
from torch import Generator, Tensor

from pwgf_core import (
    Affine,
    BiLevelNetwork,
    Cloud,
    Compose,
    Dense,
    Dual,
    Energy,
    Entropy,
    Explicit,
    Gaussian,
    ImplicitRelaxed,
    Info,
    Interaction,
    LinearlyImplicit,
    Minres,
    NumericalError,
    Planar,
    PorousMedium,
    Potential,
    Problem,
    PushForward,
    QuarticInteraction,
    RelaxedMetric,
    Residual,
    State,
    StepDoubling,
    Trajectory,
    Transform,
    TwoLayerReLU,
    evolve,
)
from pwgf_core.distributed import (
    LostProcessError,
    World,
    check_agreement,
    expectation,
    gather,
    sharded,
    world,
)
from pwgf_core.flow import Scheme
from pwgf_core.schemes.forces import energy_gradient, jump_force
from pwgf_core.transforms.inverse import check_orientation

N = 101  # a prime: no number of processes divides it
# Sums of 101 numbers in another order: some machine epsilons times their condition, below 1e2.
ROUNDING = 1e-13

TRANSFORMS = [Residual(2, 6), Compose(Affine(2), Planar(2, 5)), TwoLayerReLU(5)]


def sums(energy: Energy, transform: Transform, theta: Tensor, z: Tensor) -> dict[str, Tensor]:
    """All that a scheme adds up over the sample: scalars, vectors and a matrix."""
    cloud, jacobian = PushForward(Gaussian(z.shape[1]), transform).linearize(theta, z)
    metric = RelaxedMetric(jacobian)
    v = energy.velocity(cloud)
    found = {
        "value": energy.value(cloud),
        "right-hand side": metric.right_hand_side(v),
        "product": metric.matvec(torch.linspace(-1, 1, len(theta), dtype=theta.dtype)),
        "matrix": metric.dense(),
    }
    if transform.smooth or transform.kinks(theta) is not None:
        found["gradient"] = energy_gradient(energy, cloud, jacobian)
        found["jumps"] = jump_force(energy, cloud, jacobian)
    return found


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
@pytest.mark.parametrize("name", ENERGIES)
def test_all_sums_are_those_of_one_process(
    name: str, transform: Transform, size: int, generator: Generator
) -> None:
    energy, theta = ENERGIES[name], random_theta(transform, generator)
    z = normal(generator, N, transform.dim)
    expected = sums(energy, transform, theta, z)
    for found in in_threads(size, lambda w: sums(energy, transform, theta, w.shard(z))):
        for key, value in expected.items():
            assert relative_gap(found[key], value) < ROUNDING, key


@pytest.mark.parametrize(
    "energy",
    [
        QuarticInteraction(),
        Interaction(lambda y: torch.exp(-(y * y).sum(1)), block=300),
        Interaction(lambda y: (y * y).sum(1).square(), pairs="all"),
        PorousMedium(2.0),
    ],
    ids=["moments", "pairs", "all pairs", "density"],
)
def test_velocities_and_curvatures_of_the_parts_make_up_the_whole(
    energy: Energy, generator: Generator
) -> None:
    cloud = Cloud(normal(generator, N, 2), normal(generator, N), normal(generator, N, 2))
    x, log_rho, score = cloud.x, cloud.log_rho, cloud.score

    def fields(w: World) -> tuple[Tensor, Tensor]:
        part = Cloud(w.shard(x), w.shard(log_rho), w.shard(score))
        return energy.velocity(part), energy.hessian(part)

    velocities, curvatures = zip(*in_threads(4, fields), strict=True)
    assert relative_gap(torch.cat(velocities), energy.velocity(cloud)) < ROUNDING
    assert relative_gap(torch.cat(curvatures), energy.hessian(cloud)) < ROUNDING


class Kurtosis(Energy):
    """E|x − E x|⁴/(E|x − E x|²)², a nonlinear function of averages of points moved by one."""

    def value(self, cloud: Cloud) -> Tensor:
        x = cloud.x - expectation(cloud.x.sum(0), cloud.n)
        r2 = x.square().sum(1)
        return expectation(r2.square().sum(), cloud.n) / expectation(r2.sum(), cloud.n).square()

    def velocity(self, cloud: Cloud) -> Tensor:
        raise NotImplementedError


def test_derivatives_pass_through_averages_of_averages(generator: Generator) -> None:
    # the chain rule goes from a shared number back to points of all processes, twice
    transform, z = Residual(2, 6), normal(generator, N, 2)
    theta = random_theta(transform, generator)

    def gradient(z: Tensor) -> Tensor:
        cloud, jacobian = PushForward(Gaussian(2), transform).linearize(theta, z)
        return energy_gradient(Kurtosis(), cloud, jacobian)

    for found in in_threads(3, lambda w: gradient(w.shard(z))):
        assert relative_gap(found, gradient(z)) < ROUNDING


def test_one_sum_over_the_processes_for_a_product_and_for_a_gradient(generator: Generator) -> None:
    transform, z = Compose(Affine(2), Planar(2, 5)), normal(generator, N, 2)
    theta, energy = random_theta(transform, generator), ENERGIES["fokker_planck"]
    m = len(theta)

    def metric(w: World) -> RelaxedMetric:
        return RelaxedMetric(transform.jacobian(theta, w.shard(z)))

    def gradient(w: World) -> Tensor:
        cloud, jacobian = PushForward(Gaussian(2), transform).linearize(theta, w.shard(z))
        return energy_gradient(energy, cloud, jacobian)

    assert shapes_summed(2, lambda w: metric(w).matvec(theta)) == [(m + 1,)]
    assert shapes_summed(2, lambda w: metric(w).right_hand_side(w.shard(z))) == [(m + 1,)]
    assert shapes_summed(2, lambda w: metric(w).dense()) == [(m * m + 1,)]
    long = [shape for shape in shapes_summed(2, gradient) if shape not in ((), (2,))]
    assert long == [(m,)]  # beside it, two numbers for each average in the energy, there and back


@pytest.mark.parametrize(
    "scheme",
    [
        Explicit(0.1, "midpoint"),
        Explicit(0.1, "adaptive", solver=Dense()),
        Explicit(0.1, "euler", form="gradient", solver=Minres(shift=1e-2)),
        ImplicitRelaxed(0.1),
        LinearlyImplicit(0.1),
        StepDoubling(ImplicitRelaxed(0.1)),
    ],
    ids=["midpoint", "adaptive", "gradient", "implicit", "linearly implicit", "doubling"],
)
def test_a_run_has_the_same_steps_in_every_process(scheme: Scheme) -> None:
    problem = Problem(
        small_run.PROBLEM.model,
        small_run.PROBLEM.energy,
        small_run.PROBLEM.theta0,
        samples=N,
        sampling="matched",
        solver=Minres(),
    )

    def run() -> Trajectory:
        return evolve(problem, scheme, t_end=0.4, record=2, progress=False)

    alone = run()
    first, *others = in_threads(3, lambda _: run())
    assert alone.status == first.status == "completed"
    assert alone.state.step == first.state.step
    assert alone.history["iterations"] == first.history["iterations"]
    # rounding, 1e-15, amplified by the condition of the solves, at most 1/shift = 1e5
    assert relative_gap(first.state.theta, alone.state.theta) < 1e-9
    for other in others:
        assert torch.equal(first.state.theta, other.state.theta)
        assert str(first.history) == str(other.history)
        assert first.settings == other.settings == alone.settings


@pytest.mark.parametrize("sampling", ["random", "sobol", "matched"])
def test_the_parts_are_one_sample_whatever_the_number_of_processes(sampling: str) -> None:
    seen: dict[int, list[Tensor]] = {}

    class Watched(Potential):
        def velocity(self, cloud: Cloud) -> Tensor:
            points, _ = gather(cloud.z)
            seen.setdefault(active_size(), []).append(points)
            return super().velocity(cloud)

    def active_size() -> int:
        return world().size

    energy = Watched(lambda x: 0.5 * x.square().sum(1))
    transform = Affine(2)
    problem = Problem(PushForward(Gaussian(2), transform), energy, transform.init(Generator()))

    def run() -> Trajectory:
        return evolve(
            problem, Explicit(0.1), t_end=0.2, samples=N, sampling=sampling, progress=False
        )

    run()
    for size in (2, 5):
        in_threads(size, lambda _: run())
        assert all(torch.equal(a, b) for a, b in zip(seen[1], seen[size][::size], strict=True))


def test_one_process_communicates_nothing() -> None:
    class Mute(World):
        def reduce(self, x: Tensor, operation: str = "sum") -> Tensor:
            raise AssertionError("a sum over one process")

    plain = small_run.run()
    with sharded(Mute()):
        small_run.assert_equal(small_run.run(), plain)


@pytest.mark.parametrize("signs", [[1, 1, 1, -1], [1, 1, -1, -1], [1, 1, 1, 0]])
def test_a_fold_in_one_process_is_an_error_in_all(signs: list[int]) -> None:
    # the second case is a fold between the processes: neither sees it alone
    sign = torch.tensor(signs).double()

    def fails(w: World) -> bool:
        with pytest.raises(NumericalError, match="folds"):
            check_orientation(w.shard(sign), "the map")
        return True

    assert in_threads(2, fails) == [True, True]
    in_threads(2, lambda w: check_orientation(w.shard(-sign.abs().clamp(min=1)), "the map"))


def test_a_run_that_folds_ends_alike_in_every_process() -> None:
    # x ↦ x − 3 tanh x folds near 0
    theta0 = torch.tensor([1.0, 0.0, -3.0, 1.0, 0.0]).double()
    problem = Problem(PushForward(Gaussian(1), Residual(1, 1)), Entropy(), theta0, samples=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        runs = in_threads(3, lambda _: evolve(problem, Explicit(0.1), progress=False))
    assert [run.status for run in runs] == ["failed"] * 3
    assert len({run.message for run in runs}) == 1
    assert "folds" in runs[0].message


class Careless(Energy):
    """½E|x|² with an average that sees its own process only."""

    def value(self, cloud: Cloud) -> Tensor:
        return 0.5 * cloud.x.square().sum(1).mean()

    def velocity(self, cloud: Cloud) -> Tensor:
        return -cloud.x


@pytest.mark.parametrize("scheme", [Explicit(0.1), ImplicitRelaxed(0.1)], ids=lambda s: repr(s)[:8])
def test_an_energy_with_averages_of_its_own_is_refused(scheme: Explicit) -> None:
    transform = Affine(2)
    problem = Problem(PushForward(Gaussian(2), transform), Careless(), transform.init(Generator()))
    with pytest.raises(RuntimeError, match=r"the energy differs by .* `expectation`"):
        in_threads(2, lambda _: evolve(problem, scheme, samples=N, progress=False))
    assert evolve(problem, scheme, samples=N, progress=False).status == "completed"


def test_agreement_is_in_every_bit() -> None:
    x = torch.tensor([1.0, torch.nan, torch.inf]).double()
    in_threads(3, lambda _: check_agreement("x", x))
    with pytest.raises(RuntimeError, match=r"x differs by 2\.22e-16"):
        in_threads(3, lambda w: check_agreement("x", x.clone() if w.rank else x + x * 2.3e-16))


def test_what_needs_one_process_says_so() -> None:
    for scheme in (Explicit(0.1, solver=Dual()), BiLevelNetwork(0.1)):
        with pytest.raises(ValueError, match="needs one process, got 2"):
            in_threads(2, lambda _, s=scheme: evolve(small_run.PROBLEM, s, progress=False))


def test_fewer_samples_than_processes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least the number of processes, 3, got 2"):
        in_threads(3, lambda _: small_run.run(samples=2))


def test_a_callback_stops_all_processes_at_one_step() -> None:
    def run(w: World) -> Trajectory:
        stop = small_run.stop_after(3 if w.rank == 1 else 100)
        return small_run.run(callback=stop)

    assert [(r.status, r.state.step) for r in in_threads(3, run)] == [("interrupted", 3)] * 3


def test_a_lost_process_leaves_a_run_from_which_any_number_resumes(tmp_path: Path) -> None:
    file = tmp_path / "run.safetensors"
    kept: dict[int, Trajectory] = {}

    def run(w: World) -> None:
        def callback(state: State, info: Info) -> None:
            if w.rank == 1 and state.step == 6:
                raise SystemExit  # this thread ends, the sums of the other one fail

        kept[w.rank] = small_run.run(callback=callback, checkpoint=file)

    with pytest.raises(SystemExit):
        in_threads(2, run)
    assert kept[0].status == "interrupted"
    assert "another process was lost" in kept[0].message
    # the sixth step counts if the first process had left its last sum when the other one ended
    assert Trajectory.load(file).state.step == kept[0].state.step
    assert kept[0].state.step in (5, 6)
    whole = small_run.run()
    for size in (1, 2, 3):
        resumed = in_threads(size, lambda _: small_run.run(resume=Trajectory.load(file)))
        for r in resumed:
            assert (r.status, r.state.step) == ("completed", whole.state.step)
            # rounding of the first six steps, as in the test of whole runs above
            assert relative_gap(r.state.theta, whole.state.theta) < 1e-9


def test_only_the_first_process_writes(tmp_path: Path) -> None:
    def run(w: World) -> bool:
        file = tmp_path / str(w.rank)
        small_run.run(checkpoint=file)
        return file.exists()

    assert in_threads(3, run) == [True, False, False]


def test_a_world_inside_another(generator: Generator) -> None:
    x = normal(generator, N)

    def averages(w: World) -> tuple[float, float]:
        part = w.shard(x)
        shared = float(expectation(part.sum(), len(part)))
        with sharded(World()):
            return shared, float(expectation(part.sum(), len(part)))

    (a, own_a), (b, own_b) = in_threads(2, averages)
    assert a == b
    assert own_a != own_b
    # weights by the sizes of the parts, 51 and 50
    assert (51 * own_a + 50 * own_b) / 101 == pytest.approx(a, abs=1e-15)


def test_a_broken_sum_is_a_lost_process() -> None:
    def work(w: World) -> None:
        if w.rank:
            raise SystemExit
        with pytest.raises(LostProcessError):
            w.reduce(torch.ones(1))

    with pytest.raises(SystemExit):
        in_threads(2, work)
    assert issubclass(ThreadWorld, World)
