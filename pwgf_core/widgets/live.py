"""A live panel: choose the settings of a problem, run it in a thread, watch it, stop it."""

from __future__ import annotations

import html
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import ipywidgets as w
from matplotlib.figure import Figure
from torch import Tensor

from .. import plots
from ..errors import NumericalError, check_choice, check_count, check_function
from ..evaluation import evaluation_cloud
from ..flow import Trajectory, evolve
from ..problems import PROBLEMS
from ..state import Info, Problem, State
from .inputs import Default, Input
from .settings import SCHEMES, Make, make_problem, make_scheme, problem_inputs, run_inputs

Draw = Callable[[Problem, Tensor, float], Figure]

POINTS = 2048  # of the errors shown while it runs
PAUSE = 0.2  # seconds from one picture to the next, at least
SHARE = 2  # the same as a multiple of the time that the picture took
NOTE = (
    "This panel computes, so it needs a running kernel: open the chapter in JupyterLab and run "
    "its cells. Then choose the settings and press Run."
)
WRAP = {"flex_flow": "row wrap"}


class Panel(w.VBox):
    """What `panel` returns: the `inputs` by name, and `trajectory`, the last run."""

    latest: ClassVar[Panel | None] = None

    def __init__(self, make: Make, draw: Draw, inputs: list[Input], problem: Problem) -> None:
        self.make, self.draw = make, draw
        self.inputs = {i.name: i for i in inputs}
        self.trajectory: Trajectory | None = None
        self.busy = False
        self._thread = threading.Thread()
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._next_picture = 0.0
        self.note = w.HTML(f"<em>{NOTE}</em>")
        self.run_button = w.Button(description="Run", tooltip="start the run", disabled=True)
        self.run_button.button_style = "primary"
        self.stop_button = w.Button(description="Stop", tooltip="end the run", disabled=True)
        self.progress = w.FloatProgress(
            min=0, max=1, description="t / t_end", tooltip="part of the time that is done"
        )
        self.message, self.values = w.HTML("&nbsp;"), w.HTML("&nbsp;")
        self.picture = w.Image(format="png", layout={"max_width": "100%"})
        self.picture.value = plots.png(draw(problem, problem.theta0, 0.0))
        controls = w.HBox([i.control for i in inputs], layout=WRAP)
        buttons = w.HBox([self.run_button, self.stop_button, self.progress], layout=WRAP)
        frame = w.Box([self.picture], layout={"overflow": "auto"})  # a phone scrolls the picture
        super().__init__(
            [self.note, controls, buttons, self.message, self.values, frame],
            layout={"flex_flow": "column nowrap"},
        )
        self.run_button.on_click(lambda _: self.run())
        self.stop_button.on_click(lambda _: self.stop())
        self.inputs["scheme"].control.observe(lambda _: self._enable(), "value")
        # Pages without a kernel show the panel as it is stored: disabled, with the note. A browser
        # that has a kernel tells it what this link, which shows nothing, has set.
        self._link = w.jsdlink((self.run_button, "description"), (self.note, "placeholder"))
        self.note.observe(lambda _: self._wake(), "placeholder")

    def run(self) -> None:
        """Start a run with what the inputs hold, unless this panel's is going on.

        The run of another panel is stopped.
        """
        if self.busy:
            return
        try:
            values = {name: entry.read() for name, entry in self.inputs.items()}
        except ValueError as error:
            self._say(str(error), wrong=True)
            return
        if Panel.latest is not None:
            Panel.latest.stop()
        Panel.latest = self
        # `evolve` warns of a failed run in the name of this module; the panel shows it instead.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=__name__)
        self.busy = True
        self._stop.clear()
        self._next_picture = 0.0
        self.progress.value, self.progress.bar_style = 0.0, ""
        self.values.value = "&nbsp;"
        self._say("running")
        self._enable()
        self._thread = threading.Thread(target=self._work, args=(values,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the run after the step that it is at."""
        with self._lock:  # the last word is the thread's
            if self.busy:
                self._stop.set()
                self._say("stopping after this step")

    def wait(self, seconds: float | None = None) -> None:
        """Wait for the end of the run, at most so long."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _wake(self) -> None:
        self.note.layout.display = "none"
        self._enable()

    def _enable(self) -> None:
        for name, entry in self.inputs.items():
            unused = name == "integrator" and self.inputs["scheme"].read() != "relaxed"
            entry.control.disabled = unused
        self.run_button.disabled, self.stop_button.disabled = self.busy, not self.busy

    def _say(self, text: str, wrong: bool = False) -> None:
        look = "role='alert' style='color: var(--jp-error-color1, #c62828)'"
        look = look if wrong else "role='status'"
        self.message.value = f"<span {look}>{html.escape(text, quote=False)}</span>"

    def _work(self, values: dict[str, Any]) -> None:
        """The thread: a whole run. Whatever goes wrong becomes a message."""
        text, wrong = "", True
        try:
            text, wrong = self._evolve(values)
        except (ValueError, NumericalError) as error:
            text = str(error)
        except Exception as error:  # a reader is to see a message, never a traceback
            text = f"{type(error).__name__}: {error}"
        finally:
            with self._lock:
                self.busy = False
                self.progress.bar_style = "danger" if wrong else "success"
                self._say(text, wrong)
                self._enable()

    def _evolve(self, values: dict[str, Any]) -> tuple[str, bool]:
        """Run; how it ended, and whether that is a failure."""
        problem, scheme = make_problem(self.make, values), make_scheme(values)
        run = evolve(
            problem,
            scheme,
            t_end=values["t_end"],
            samples=values["samples"],
            seed=values["seed"],
            record=1,  # so that the steps have the size h
            progress=False,
            callback=lambda state, info: self._watch(problem, values["t_end"], state, info),
        )
        self.trajectory = run
        if run.history:
            self._show(problem, values["t_end"], run.state, run.history["energy"][-1])
        if run.status == "failed":
            return f"failed {run.message}", True
        done = f"after {run.state.step} steps, {run.seconds:.1f} s"
        if run.status == "completed":
            return f"completed {done}", False
        return f"stopped at t = {run.state.t:.4g} {done}", False

    def _watch(self, problem: Problem, t_end: float, state: State, info: Info) -> bool:
        """Show the state when its time has come; False stops the run."""
        start = time.perf_counter()
        if start >= self._next_picture:
            self._show(problem, t_end, state, info.energy)
            now = time.perf_counter()
            self._next_picture = now + max(PAUSE, SHARE * (now - start))
        return not self._stop.is_set()

    def _show(self, problem: Problem, t_end: float, state: State, energy: float) -> None:
        """Progress, energy before the last step, errors on a few points, and the picture."""
        self.progress.value = state.t / t_end
        try:
            cloud = evaluation_cloud(problem, state.theta, POINTS)
            errors = problem.exact.errors(cloud, state.t) if problem.exact else {}
            found = [f"{name} = {x:.3g}" for name, x in errors.items()]
        except NumericalError:
            found = ["no density: the map folds"]
        line = [f"t = {state.t:.4g}", f"step {state.step}", f"energy = {energy:.5g}", *found]
        self.values.value = html.escape(", ".join(line))
        self.picture.value = plots.png(self.draw(problem, state.theta, state.t))


def panel(
    make: str | Make,
    draw: Draw,
    parameters: Mapping[str, tuple[Default, str]] | None = None,
    *,
    h: float | None = None,
    samples: int | None = None,
    layers: int | None = None,
    t_end: float | None = None,
    scheme: str = "relaxed",
    seed: int = 0,
) -> Panel:
    """A panel that runs a problem with the settings that a reader chooses.

    `make` is a problem's name or a function that gives the problem, `draw(problem, theta, t)` its
    picture. `parameters` maps keywords of that function to a default and an explanation (`Input`
    tells the kinds of defaults). The other keywords are defaults in place of the problem's own.

    Before Run is pressed nothing is computed but the picture at t = 0. The run goes on in a thread,
    and shows its errors on 2048 points.

    Raises `ValueError` for an unknown problem, scheme or parameter.

    >>> from pwgf_core import plots
    >>> def draw(problem, theta, t):
    ...     return plots.figure(1)[0]
    >>> box = panel("ornstein_uhlenbeck", draw, {"diffusion": (1.0, "D")}, t_end=0.1, samples=50)
    >>> box.run()
    >>> box.wait()
    >>> box.trajectory.status, box.progress.value
    ('completed', 1.0)
    """
    if isinstance(make, str):
        check_choice("problem", make, PROBLEMS)
        make = PROBLEMS[make]
    check_function("make", make)
    check_function("draw", draw)
    check_choice("scheme", scheme, SCHEMES)
    check_count("seed", seed, 0)
    own = problem_inputs(make, parameters or {}, layers)
    problem = make_problem(make, {i.name: i.read() for i in own} | {"seed": seed})
    run = run_inputs(problem, h, t_end, samples, scheme, seed)
    return Panel(make, draw, own + run, problem)
