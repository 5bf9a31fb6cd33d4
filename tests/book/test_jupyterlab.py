"""The player and the panel in JupyterLab with a kernel, in a headless Chromium."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from pictures import changed, seen
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from execute import read_source

pytestmark = pytest.mark.browser

SOURCE = Path(__file__).parent / "data" / "small_panel.md"
WINDOW = ViewportSize(width=1300, height=2000)  # JupyterLab keeps no cell that is out of sight
START = 60  # seconds for the server, for the page and for the kernel, on a busy machine
RUN = 30_000  # milliseconds for a run of 20 steps, which takes less than one second
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
def notebook_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A JupyterLab that serves one notebook, without the user's own settings."""
    folder, home = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("home")
    nbformat.write(read_source(SOURCE), folder / "panel.ipynb")
    token, port, log = secrets.token_hex(16), free_port(), home / "log"
    own = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    lab = ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
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
        yield f"http://127.0.0.1:{port}/lab/tree/panel.ipynb?token={token}"
    finally:
        server.terminate()  # ends its kernels first
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@pytest.fixture(scope="module")
def tab(browser: Browser, notebook_address: str) -> Iterator[Page]:
    """The notebook after Run All Cells; no test may leave a traceback in it.

    Its last cell raises, so that it is known that a traceback would be found.
    """
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
        button(tab, "Run").wait_for(timeout=1000 * START)
        yield tab
        folder = Path(__file__).parents[2] / "_build" / "screenshots"
        tab.screenshot(path=folder / "jupyterlab.png")
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
