"""The live panel, driven through its callbacks (tests/book clicks in a browser)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pwgf_core import Explicit, NumericalError, Problem, evolve, plots, problem, widgets
from pwgf_core.problems import PROBLEMS
from pwgf_core.widgets import Panel, live, settings

NAME = "ornstein_uhlenbeck"
PARAMETERS = {
    "diffusion": (1.0, "D"),
    "transform": (["affine", "planar"], "the family of maps"),
}
LIMIT = 60  # seconds; a run of these tests takes far less than one


def draw(problem: Problem, theta: Tensor, t: float) -> Figure:
    """One dot whose place is θ."""
    fig, (axis,) = plots.figure(1)
    axis.plot(theta[:1], theta[1:2], "o")
    axis.set_title(f"t = {t:.3f}")
    return fig


def stored() -> Panel:
    """A run of 10 steps, a few milliseconds each, as a page without a kernel has it."""
    return widgets.panel(NAME, draw, PARAMETERS, h=0.05, t_end=0.5, samples=50)


def wake(panel: Panel) -> Panel:
    """Tell the panel what a browser with a kernel tells it when it makes the panel's link."""
    (source, trait), (target, other) = panel._link.source, panel._link.target
    target.set_state({other: getattr(source, trait)})
    return panel


def small() -> Panel:
    """The same in a browser with a kernel."""
    return wake(stored())


def click_run(panel: Panel) -> None:
    """Press Run and wait for the end."""
    panel.run_button.click()
    panel.wait(LIMIT)
    assert not panel.busy


def enter(panel: Panel, **values: str) -> Panel:
    """Type into the inputs."""
    for name, value in values.items():
        panel.inputs[name].control.value = value
    return panel


@pytest.fixture
def endless() -> Iterator[Panel]:
    """A panel in the middle of a run that would take hours."""
    panel = enter(small(), t_end="10000", h="0.01")
    started = threading.Event()
    panel.values.observe(lambda change: started.set() if "step" in change.new else None, "value")
    panel.run_button.click()
    assert started.wait(LIMIT)
    yield panel
    panel.stop()
    panel.wait(LIMIT)


def is_message(panel: Panel, *parts: str) -> bool:
    """Whether the panel shows an error with these parts, and is ready for the next run."""
    text = panel.message.value
    return "alert" in text and all(p in text for p in parts) and not panel.run_button.disabled


def test_a_run_gives_what_evolve_gives() -> None:
    panel = small()
    start = panel.picture.value
    click_run(panel)
    ou = problem(NAME, transform="affine", seed=0)
    run = evolve(
        ou, Explicit(0.05, ou.method), t_end=0.5, samples=50, record=1, seed=0, progress=False
    )
    assert panel.trajectory is not None
    assert panel.trajectory.state.step == 10
    assert torch.equal(panel.trajectory.state.theta, run.state.theta)
    assert "completed after 10 steps" in panel.message.value
    assert panel.progress.value == 1
    assert "t = 0.5, step 10, energy = " in panel.values.value
    assert "bures_w2 = " in panel.values.value
    assert panel.picture.value == plots.png(draw(ou, run.state.theta, 0.5)) != start


def test_nothing_runs_before_the_button(monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture of t = 0 is drawn; no step is taken and no thread started."""
    monkeypatch.setattr(live, "evolve", lambda *_, **__: pytest.fail("a run started"))
    panel, threads = small(), threading.active_count()
    assert panel.trajectory is None
    assert threads == threading.active_count()
    assert bytes(panel.picture.value).startswith(b"\x89PNG")


def test_a_page_without_kernel_shows_a_note_and_nothing_to_press() -> None:
    panel = stored()
    controls = [i.control for i in panel.inputs.values()]
    assert all(c.disabled for c in [*controls, panel.run_button, panel.stop_button])
    assert "needs a running kernel" in panel.note.value
    assert panel.note.layout.display is None
    wake(panel)
    assert panel.note.layout.display == "none"
    assert not any(c.disabled for c in [*controls, panel.run_button])
    assert panel.stop_button.disabled


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("diffusion", "2"),
        ("transform", "planar"),
        ("h", "0.1"),
        ("t_end", "0.4"),
        ("samples", "60"),
        ("scheme", "implicit"),
        ("scheme", "bilevel"),
        ("integrator", "euler"),
        ("seed", "1"),
    ],
)
def test_every_input_changes_the_result(name: str, value: str) -> None:
    panel = small()
    click_run(panel)
    before = panel.trajectory
    click_run(enter(panel, **{name: value}))
    after = panel.trajectory
    assert before is not None
    assert after is not None
    assert after.status == "completed"
    assert not torch.equal(before.state.theta, after.state.theta)


def test_layers_are_those_of_the_map() -> None:
    panel = enter(small(), transform="planar", layers="3")
    click_run(panel)
    assert panel.trajectory is not None
    assert len(panel.trajectory.state.theta) == 3 * 5  # w, u in the plane, and b
    click_run(enter(panel, layers=" "))
    assert len(panel.trajectory.state.theta) == 16 * 5  # the default, K = 8d


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("h", "-1", "h must be a finite number above 0, got -1.0"),
        ("h", "0", "h must be a finite number above 0, got 0.0"),
        ("h", "abc", "h must be a finite number, got 'abc'"),
        ("h", "nan", "h must be a finite number, got 'nan'"),
        ("h", "1e-320", "h must be at least 5e-07 in a panel for t_end = 0.5"),
        ("t_end", "0", "t_end must be a finite number above 0, got 0.0"),
        ("t_end", "inf", "t_end must be a finite number, got 'inf'"),
        ("samples", "0", "samples must be an integer of at least 1, got 0"),
        ("samples", "2.5", "samples must be an integer, got '2.5'"),
        ("samples", "1000000000", "samples must be at most 100000 in a panel, got 1000000000"),
        ("samples", "", "samples must be an integer, got ''"),
        ("layers", "-3", "layers must be an integer of at least 1, got -3"),
        ("layers", "many", "layers must be an integer, got 'many'"),
        ("layers", "99999", "layers must be at most 1000 in a panel, got 99999"),
        ("seed", "-1", "seed must be an integer of at least 0, got -1"),
        ("seed", "x", "seed must be an integer, got 'x'"),
        ("diffusion", "-1", "diffusion must be a finite number above 0, got -1.0"),
        ("diffusion", "<b>", "diffusion must be a finite number, got '&lt;b&gt;'"),
    ],
)
def test_nonsense_is_a_message(
    name: str, value: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    panel = enter(small(), **{name: value})
    click_run(panel)
    assert is_message(panel, message), panel.message.value
    assert panel.trajectory is None
    assert capfd.readouterr() == ("", "")


def test_stop_ends_the_run_after_a_step(endless: Panel) -> None:
    assert endless.run_button.disabled
    assert not endless.stop_button.disabled
    endless.stop_button.click()
    endless.wait(LIMIT)
    assert endless.trajectory is not None
    assert endless.trajectory.status == "interrupted"
    assert "stopped at t = " in endless.message.value
    assert 0 < endless.progress.value < 1
    assert not endless.run_button.disabled
    assert endless.stop_button.disabled
    click_run(enter(endless, t_end="0.1"))
    assert endless.trajectory.status == "completed"


def test_two_clicks_start_one_run(endless: Panel) -> None:
    thread, threads = endless._thread, threading.active_count()
    endless.run_button.click()
    assert endless._thread is thread
    assert threading.active_count() == threads


def test_a_second_panel_stops_the_first(endless: Panel) -> None:
    """A cell that is executed again leaves a panel behind that nobody can stop any more."""
    click_run(small())
    endless.wait(LIMIT)
    assert "stopped at t = " in endless.message.value


def test_pictures_come_at_most_five_times_a_second(endless: Panel) -> None:
    """More than 5 steps a second are taken: the pictures are fewer than the steps."""
    times: list[float] = []
    enough = threading.Event()

    def note(change: object) -> None:
        times.append(time.perf_counter())
        if len(times) > 3:
            enough.set()

    endless.picture.observe(note, "value")
    assert enough.wait(LIMIT)
    gaps = [b - a for a, b in pairwise(times)]
    assert min(gaps) >= live.PAUSE


def test_a_failed_run_is_a_message_with_advice(capfd: pytest.CaptureFixture[str]) -> None:
    """Euler's method is unstable for steps beyond 2 over the largest rate, here 5.1."""
    panel = enter(small(), integrator="euler", h="0.8", t_end="40")
    click_run(panel)
    assert is_message(panel, "failed at t = ", "the step is too large for this problem; reduce h")
    assert panel.trajectory is not None
    assert panel.trajectory.status == "failed"
    assert capfd.readouterr() == ("", "")
    click_run(enter(panel, h="0.05", t_end="0.5"))
    assert "completed" in panel.message.value


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (NumericalError("no density; use fewer layers"), "no density; use fewer layers"),
        (RuntimeError("out of <memory>"), "RuntimeError: out of &lt;memory&gt;"),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
@pytest.mark.parametrize("where", ["make", "draw"])
def test_any_exception_is_a_message(
    where: str, error: Exception, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = False

    def make(seed: int) -> Problem:
        if broken and where == "make":
            raise error
        return problem(NAME, transform="affine", seed=seed)

    def picture(problem: Problem, theta: Tensor, t: float) -> Figure:
        if broken and where == "draw":
            raise error
        return draw(problem, theta, t)

    panel = wake(widgets.panel(make, picture, h=0.05, t_end=0.1, samples=50))
    assert "layers" not in panel.inputs  # the function does not take them
    broken = True
    click_run(panel)
    assert is_message(panel, text), panel.message.value
    assert capfd.readouterr() == ("", "")


def test_the_integrator_belongs_to_the_relaxed_scheme() -> None:
    panel = small()
    control = panel.inputs["integrator"].control
    enter(panel, scheme="implicit")
    assert control.disabled
    enter(panel, scheme="relaxed")
    assert not control.disabled


def test_the_panel_says_what_it_cannot_offer() -> None:
    with pytest.raises(ValueError, match="problem must be one of"):
        widgets.panel("no_such_problem", draw)
    with pytest.raises(ValueError, match="scheme must be one of"):
        widgets.panel(NAME, draw, scheme="explicit")
    for name in ("viscosity", "h", "layers"):
        with pytest.raises(ValueError, match=f"got '{name}'"):
            widgets.panel(NAME, draw, {name: (1.0, "")})


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_has_a_panel(name: str) -> None:
    """The defaults of a panel are the problem's own settings."""
    panel = widgets.panel(name, draw)
    values = {k: i.read() for k, i in panel.inputs.items()}
    own = problem(name)
    assert (values["h"], values["t_end"], values["samples"]) == (own.h, own.t_end, own.samples)
    scheme = settings.make_scheme(values)
    assert isinstance(scheme, Explicit)
    assert scheme.method == own.method
    assert torch.equal(settings.make_problem(PROBLEMS[name], values).theta0, own.theta0)


def test_figures_can_be_drawn_beside_pyplot_in_another_thread() -> None:
    """A thread's figure never becomes pyplot's current one, and leaves pyplot's style alone."""
    mine = plt.figure()
    style = dict(plt.rcParams)
    pictures: list[bytes] = []
    ou = problem(NAME)
    thread = threading.Thread(target=lambda: pictures.append(plots.png(draw(ou, ou.theta0, 0.0))))
    thread.start()
    thread.join()
    assert plt.gcf() is mine
    assert dict(plt.rcParams) == style
    plt.close(mine)
    assert pictures == [plots.png(draw(ou, ou.theta0, 0.0))]
