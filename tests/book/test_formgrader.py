"""Marking by hand in JupyterLab: the formgrader shows an answer with its formulas, takes a mark.

Nothing but the server is reached. Pictures are left in _build/screenshots.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from answers import replaced
from playwright.sync_api import Browser, FrameLocator, Page, expect
from test_jupyterlab import START, WINDOW, free_port, wait_for

from classroom import course, report
from classroom.grade import grade

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

NAME = "wasserstein_distance"
ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "_build" / "screenshots"
ANSWER = r"""The matrix $A$ is symmetric, and

$$
BC_0B^\top=C_1 .
$$
"""


@pytest.fixture(scope="module")
def marked_course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with one submission, in which only the written question is answered."""
    folder, place = tmp_path_factory.mktemp("handed_in"), tmp_path_factory.mktemp("formgrader")
    course.prepare(place, [NAME])
    (folder / "ann").mkdir()
    answered = replaced(course.release(place, NAME), {"two-maps": ANSWER})
    nbformat.write(answered, folder / "ann" / f"{NAME}.ipynb")
    grade(place, folder)
    return place


@pytest.fixture(scope="module")
def server(marked_course: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of JupyterLab as `make formgrader` starts it, without the user's own settings."""
    home, port = tmp_path_factory.mktemp("home"), free_port()
    log = home / "log"
    tool = ROOT / "book" / "tools" / "assignments.py"
    command = [sys.executable, str(tool), "--course", str(marked_course), "formgrader"]
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own = {name: str(home / name.lower()) for name in names}
    own |= {
        name: str(home / "lab") for name in ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--", f"--port={port}", "--no-browser", "--allow-root"],
            env=os.environ | own | {"JUPYTER_TOKEN": "t"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(process, f"http://127.0.0.1:{port}/api/status?token=t", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture
def tab(browser: Browser, server: str) -> Iterator[tuple[Page, list[str]]]:
    """A page, and the list of requests that did not go to the server."""
    elsewhere: list[str] = []
    with browser.new_context(viewport=WINDOW) as context:

        def only_the_server(route) -> None:  # type: ignore[no-untyped-def]
            if route.request.url.startswith((server, "data:", "blob:")):
                route.continue_()
            else:
                elsewhere.append(route.request.url)
                route.abort()

        context.route("**/*", only_the_server)
        yield context.new_page(), elsewhere


def open_submission(page: Page, server: str) -> FrameLocator:
    """From JupyterLab's menu through the lists of the formgrader to the one submission."""
    page.goto(f"{server}/lab?token=t")
    page.locator(".lm-MenuBar-item", has_text="Nbgrader").click(timeout=1000 * START)
    page.locator(".lm-Menu-item", has_text="Formgrader").first.click()
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name=NAME).first.wait_for(timeout=1000 * START)
    page.screenshot(path=SHOTS / "formgrader_assignments.png")
    assert page.get_by_text("official Jupyter news").count() == 0
    frame.get_by_role("link", name="Manual Grading").first.click()
    for _ in range(2):  # the assignment, then its notebook
        frame.locator("table").get_by_role("link", name=NAME).first.click()
    frame.locator("table").get_by_role("link", name="Submission #1").first.click()
    return frame


def test_a_mark_by_hand(tab: tuple[Page, list[str]], server: str, marked_course: Path) -> None:
    page, elsewhere = tab
    frame = open_submission(page, server)
    answer = frame.locator(".nbgrader_cell", has_text="Student's answer").last
    expect(answer.locator("mjx-container")).to_have_count(2, timeout=1000 * START)
    assert frame.locator("mjx-merror").count() == 0
    padding = frame.locator("td").first.evaluate("cell => getComputedStyle(cell).paddingRight")
    assert padding != "0px"  # columns that touch cannot be read
    score = frame.locator("#two-maps")
    score.fill("4")
    score.press("Tab")
    expect(frame.locator(".score-saved:visible").first).to_be_visible()
    score.scroll_into_view_if_needed()
    page.screenshot(path=SHOTS / "formgrader_mark.png")
    assert not elsewhere

    comment = frame.locator("#two-maps-comment")
    comment.fill("see part (b)")
    comment.press("Tab")
    expect(frame.locator(".comment-saved:visible").first).to_be_visible()

    (row,) = report.rows(marked_course)
    assert row.comments == "two-maps: see part (b)"
    assert (row.automatic, row.manual, row.total, row.state) == (0, 4, 4, "graded")
    report.write(marked_course / "grades.csv", [row])
    assert (marked_course / "grades.csv").read_text().splitlines()[1].startswith(f"ann,{NAME},")
