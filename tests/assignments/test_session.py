"""The runner: what cells leave behind, what they may not do, and that it survives them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from classroom.execute import ROOT, library
from classroom.session import Session, SessionError

Run = Callable[[str, str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run a cell of a kind in one session that all tests share."""
    top = tmp_path_factory.mktemp("session")
    (top / "work").mkdir()
    (top / "secret").mkdir()
    (top / "secret" / "grades.csv").write_text("ann,3")
    settings = {
        "memory_mib": 512,
        "file_mib": 1,
        "seconds": 60,
        "secret": [str(top / "secret"), str(ROOT)],
        "public": [str(library()), sys.prefix, sys.base_prefix],
    }
    with Session(top / "work", settings) as session:
        yield lambda kind, source: session.run(kind, source, top / "out", seconds=5)


def error(outputs: list[dict[str, Any]]) -> str:
    """The name and text of the error among the outputs, or ""."""
    found = [each for each in outputs if each["output_type"] == "error"]
    return f"{found[0]['ename']}: {found[0]['evalue']}" if found else ""


def test_state_stays_and_what_a_check_does_is_gone(run: Run) -> None:
    assert run("state", "a = 1") == []
    assert run("check", "a += 1; b = 1; assert a == 2") == []
    assert run("check", "assert a == 1") == []
    assert error(run("check", "b")).startswith("NameError")


def test_an_error_keeps_what_came_before_it(run: Run) -> None:
    assert error(run("state", "c = 1\n1 / 0")).startswith("ZeroDivisionError")
    assert run("check", "assert c == 1") == []
    assert error(run("state", "c = = 1")).startswith("SyntaxError")
    assert run("check", "assert c == 1") == []


def test_a_check_sees_the_setup_as_it_was(run: Run) -> None:
    run("setup", "import torch\nhelper = lambda: 1")
    run("state", "helper = lambda: 2\ntorch = None")
    assert run("check", "assert helper() == 1; assert torch.ones(1) == 1") == []


def test_patched_classes_and_functions_are_restored(run: Run) -> None:
    patches = ["torch.Tensor.__eq__", "torch.equal", "pwgf_core.Planar.inverse", "math.sqrt"]
    run("state", "import math, torch, pwgf_core, pwgf_core.self_check")
    seen = "same = [" + ", ".join(patches) + "]"
    run("state", seen.replace("same", "before"))
    for name in [*patches, "pwgf_core.self_check.len", "pwgf_core.self_check.float"]:
        assert run("state", f"{name} = lambda *args: True") == []
    assert run("check", f"{seen}\nassert all(map(lambda a, b: a is b, same, before))") == []
    assert run("check", "assert {'len', 'float'}.isdisjoint(vars(pwgf_core.self_check))") == []


@pytest.mark.parametrize(
    "source",
    [
        "open('../secret/grades.csv').read()",
        "import os; os.listdir('../secret')",
        "import os; os.open('..', os.O_RDONLY)",
        "import os; os.symlink('../secret/grades.csv', 'link')",
        "import os; os.link('../secret/grades.csv', 'link')",
        "open('../secret/grades.csv', 'a')",
        "open('/tmp/pwgf_escape', 'w')",
        "import shutil; shutil.rmtree('../secret')",
        "from pathlib import Path; Path('../secret/grades.csv').unlink()",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.fork()",
        "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
        "import ctypes; ctypes.CDLL(None)",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import gc; gc.get_objects()",
        "open('/proc/self/mem', 'rb')",
    ],
)
def test_refused(run: Run, source: str) -> None:
    assert error(run("state", source)).startswith("PermissionError: not allowed in an answer")


def test_own_files_and_the_library_are_allowed(run: Run) -> None:
    source = """
        import inspect, tempfile
        from pathlib import Path
        import pwgf_core
        Path("mine").write_text("1")
        assert Path("mine").read_text() == "1"
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "x").write_text("2")
        assert inspect.getsource(pwgf_core.gaussian_w2)
        open("/dev/null", "w").close()
    """
    lines = [line.removeprefix("        ") for line in source.strip().splitlines()]
    assert run("state", "\n".join(lines)) == []


def test_a_figure_is_kept(run: Run) -> None:
    (output,) = run("state", "import matplotlib.pyplot as plt\nplt.plot([0, 1])\nplt.show()")
    assert "image/png" in output["data"]


def test_gradients_work_before_and_after_a_fork(run: Run) -> None:
    backward = "x = torch.ones(3, requires_grad=True); (x @ x).backward()"
    assert run("state", f"import torch\n{backward}") == []
    assert run("check", f"{backward}\nassert x.grad.sum() == 6") == []


@pytest.mark.parametrize("status", [0, 1, 77, 78])
def test_no_exit_status_passes_for_success(tmp_path: Path, status: int) -> None:
    """Not even those that the runner uses itself: then the notebook ends, without points."""
    settings = {"memory_mib": 512, "file_mib": 1, "seconds": 60, "secret": [], "public": []}
    (tmp_path / "work").mkdir()
    with Session(tmp_path / "work", settings) as session:
        for kind in ("check", "state"):
            with pytest.raises(SessionError):
                session.run(kind, f"import os; os._exit({status})", tmp_path / "out", seconds=2)


def test_a_thread_that_ends_the_process_later(run: Run) -> None:
    """The state before it is taken up again."""
    run("state", "e = 1")
    run("state", "import os, threading; e = 2; threading.Timer(0.2, os._exit, [0]).start()")
    for _ in range(3):
        try:
            run("check", "import time; time.sleep(0.5); assert e == 1")
        except SessionError:
            continue
        break
    assert run("check", "assert e == 1") == []


def test_time_is_up(run: Run) -> None:
    with pytest.raises(SessionError, match="stopped after 5 s"):
        run("state", "import time; f = 1; time.sleep(60)")
    assert error(run("check", "f")).startswith("NameError")
