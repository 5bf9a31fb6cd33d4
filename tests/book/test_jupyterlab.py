"""The player and the panel in JupyterLab with a kernel, in a headless Chromium."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from pictures import changed, seen
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from execute import BOOK, read_source

pytestmark = pytest.mark.browser

SOURCE = Path(__file__).parent / "data" / "small_panel.md"
SCREENSHOTS = Path(__file__).parents[2] / "_build" / "screenshots"
WINDOW = ViewportSize(width=1300, height=2000)
START = 60  # seconds for the server, for the page and for the kernel, on a busy machine
CHAPTER = 300  # seconds for all cells of a chapter, on a busy machine
RUN = 30_000  # milliseconds for a run of 20 steps, which takes less than one second
WITH_PANEL = sorted(
    path.stem for path in (BOOK / "src").glob("*.md") if "widgets.panel(" in path.read_text()
)
ERRORS = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr'], " + (
    ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']"
)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Return when the server answers; fail with its log when it ends or stays silent."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """A JupyterLab that serves panel.ipynb and the chapters, without the user's own settings."""
    root, home = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("home")
    folder = root / "book"  # a copy, as JupyterLab saves now and then
    shutil.copytree(BOOK, folder, ignore=shutil.ignore_patterns("_static", "assignments", "src"))
    nbformat.write(read_source(SOURCE), folder / "panel.ipynb")
    token, port, log = secrets.token_hex(16), free_port(), home / "log"
    own = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    lab = ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    settings = home / lab[0].lower() / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    whole = {"windowingMode": "none"}  # keep the cells that are out of sight
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps(whole))
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"),
    ]
    with log.open("wb") as out:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {name: str(home / name.lower()) for name in own + lab},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(server, f"http://127.0.0.1:{port}/api/status?token={token}", log)
        site = f"http://127.0.0.1:{port}/lab/workspaces"
        yield lambda name: f"{site}/{name}/tree/{name}.ipynb?token={token}"
    finally:
        server.terminate()  # ends its kernels first
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@contextmanager
def executed(browser: Browser, notebook_address: str) -> Iterator[Page]:
    """The notebook after Run All Cells."""
    origin = notebook_address.split("/lab/", 1)[0]
    with browser.new_context(viewport=WINDOW) as context:
        context.route(
            "**/*",
            lambda r: (
                r.continue_() if r.request.url.startswith((origin, "data:", "blob:")) else r.abort()
            ),
        )
        tab = context.new_page()
        tab.goto(notebook_address)
        tab.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=1000 * START)
        tab.locator(".lm-MenuBar-item", has_text="Run").click()
        tab.locator(".lm-Menu-item[data-command='runmenu:run-all']").click()
        button(tab, "Run").wait_for(timeout=1000 * CHAPTER)
        yield tab


@pytest.fixture(scope="module")
def tab(browser: Browser, address: Callable[[str], str]) -> Iterator[Page]:
    """A player and a panel; no test may leave a traceback in this notebook.

    Its last cell raises, so that it is known that a traceback would be found.
    """
    with executed(browser, address("panel")) as tab:
        yield tab
        tab.screenshot(path=SCREENSHOTS / "jupyterlab.png")
        (found,) = tab.locator(ERRORS).all_inner_texts()
        assert found.strip().endswith("the only traceback of this notebook")


def button(part: Page | Locator, name: str) -> Locator:
    """A button of the panel."""
    return part.locator("button.jupyter-button", has_text=name)


@pytest.fixture
def panel(tab: Page) -> Locator:
    """The panel, awake."""
    panel = tab.locator(".widget-vbox").filter(has=button(tab, "Run"))
    expect(button(panel, "Run")).to_be_enabled()
    return panel


def field(panel: Locator, label: str) -> Locator:
    """An input of the panel."""
    return panel.get_by_label(label, exact=True)


def test_the_player_in_jupyterlab(tab: Page) -> None:
    """The slider changes the picture, and Play moves it on."""
    player = tab.locator(".widget-vbox").filter(has=tab.locator(".widget-play"))
    first = changed(player, [])
    player.locator(".noUi-handle").focus()
    tab.keyboard.press("ArrowRight")
    second = changed(player, first)
    player.locator(".widget-play button").first.click()
    changed(player, second)


def test_a_kernel_wakes_the_panel(panel: Locator) -> None:
    expect(panel.get_by_text("needs a running kernel")).to_be_hidden()
    expect(field(panel, "step h")).to_be_enabled()
    expect(button(panel, "Stop")).to_be_disabled()


def test_run_nonsense_and_another_parameter(panel: Locator) -> None:
    """The picture follows the run and the equation; nonsense is a message until the next run.

    The same inputs give the same picture again, to the byte.
    """
    start = seen(panel)
    button(panel, "Run").click()
    changed(panel, start)
    expect(panel).to_contain_text("completed after 20 steps", timeout=RUN)
    expect(panel).to_contain_text("t = 1, step 20, energy = ")
    result = seen(panel)

    pictures = {}
    for diffusion, nonsense in (("0.1", "-1"), ("1.0", "small")):
        field(panel, "step h").fill(nonsense)
        button(panel, "Run").click()
        expect(panel.get_by_role("alert")).to_contain_text("h must be a finite number")
        assert seen(panel) == (result if diffusion == "0.1" else pictures["0.1"])
        field(panel, "step h").fill("0.05")
        field(panel, "diffusion").fill(diffusion)
        button(panel, "Run").click()
        expect(panel).to_contain_text("completed after 20 steps", timeout=RUN)
        pictures[diffusion] = seen(panel)
    assert pictures["0.1"] != result
    assert pictures["1.0"] == result


def test_stop(panel: Locator) -> None:
    """The kernel listens while the thread runs: Stop ends a run that would take hours."""
    field(panel, "t_end").fill("10000")
    before = seen(panel)
    button(panel, "Run").click()
    changed(panel, changed(panel, before))
    expect(button(panel, "Run")).to_be_disabled()
    button(panel, "Stop").click()
    expect(panel).to_contain_text("stopped at t = ")
    expect(button(panel, "Run")).to_be_enabled()
    field(panel, "t_end").fill("1.0")


@pytest.mark.slow
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("chapter", WITH_PANEL)
def test_the_panel_of_a_chapter(
    chapter: str, browser: Browser, address: Callable[[str], str]
) -> None:
    """Run, another family of maps, Stop and nonsense, in each chapter that has a panel."""
    with executed(browser, address(chapter)) as tab:
        panel = tab.locator(".widget-vbox").filter(has=button(tab, "Run"))
        expect(button(panel, "Run")).to_be_enabled(timeout=1000 * CHAPTER)
        panel.scroll_into_view_if_needed()
        h = float(field(panel, "step h").input_value())
        t_end = field(panel, "t_end").input_value()
        pictures = [seen(panel)]
        for family, end in ((1, 5 * h), (0, 6 * h)):
            field(panel, "transform").select_option(index=family)
            field(panel, "t_end").fill(str(end))
            button(panel, "Run").click()
            expect(panel).to_contain_text(f"t = {end:.4g}, step", timeout=RUN)
            expect(panel).to_contain_text("completed after", timeout=RUN)
            pictures.append(changed(panel, pictures[-1]))
        assert pictures[1] != pictures[2]
        field(panel, "step h").fill("-1")
        button(panel, "Run").click()
        expect(panel.get_by_role("alert")).to_contain_text("h must be")
        assert seen(panel) == pictures[-1]
        field(panel, "step h").fill(str(h))
        field(panel, "t_end").fill(str(10_000 * h))
        button(panel, "Run").click()
        changed(panel, pictures[-1], 30)
        button(panel, "Stop").click()
        expect(panel).to_contain_text("stopped at t = ", timeout=RUN)
        field(panel, "t_end").fill(t_end)
        panel.screenshot(path=SCREENSHOTS / f"panel_{chapter}.png")
        assert not tab.locator(ERRORS).all_inner_texts()
