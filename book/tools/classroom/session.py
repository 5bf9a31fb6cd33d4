"""A running `runner`: cells go in one by one, outputs come back in bounded time and size."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .messages import receive, send

ROOT = Path(__file__).parents[3]
START = 180.0  # seconds to import the library on a busy machine; not counted as the student's
TOO_BUSY = "the machine is too busy: run make grade again"
GRACE = 5.0  # seconds for the runner to notice that a cell was killed


class SessionError(Exception):
    """A cell gave no outputs; the message says why."""


def environment(work: Path) -> dict[str, str]:
    """What a submission sees of the environment: nothing that belongs to the instructor."""
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "PATH") if name in os.environ}
    paths = [str(ROOT / "book" / "tools"), str(ROOT)]
    return kept | {
        "HOME": str(work),
        "TMPDIR": str(work),
        "IPYTHONDIR": str(work / ".ipython"),
        "MPLCONFIGDIR": str(work / ".matplotlib"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join(paths),
    }


class Session:
    """A context in which `run` executes cells in the folder `work`."""

    def __init__(self, work: Path, settings: dict[str, Any]) -> None:
        self._work, self._settings = work, settings
        self._pids: set[int] = set()
        self._last = ""
        self._count = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "classroom.runner"],
            cwd=self._work,
            env=environment(self._work),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        try:
            send(self._in, self._settings)
            receive(self._out, time.monotonic() + START)
        except (OSError, EOFError, TimeoutError) as trouble:
            self._end()
            raise RuntimeError(f"the runner did not start, {TOO_BUSY}") from trouble
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.communicate()

    def run(self, kind: str, source: str, out: Path, seconds: float) -> list[dict[str, Any]]:
        """Outputs of a cell, which prints to the file `out`; a failure is an error among them.

        Raises `SessionError` if it took too long, its process died, or no process is left.
        """
        if self._last:
            raise SessionError(self._last)
        if seconds <= 0:
            raise SessionError("not run, the time of the submission was used up")
        self._count += 1
        name = str(self._count)
        try:
            send(self._in, {"id": name, "kind": kind, "source": source, "out": str(out)})
            return self._answer(name, seconds)
        except (OSError, EOFError, ValueError, KeyError, TypeError) as trouble:
            self._last = "not run, an earlier cell ended the notebook"
            raise SessionError("the cell ended the notebook") from trouble

    def _answer(self, name: str, seconds: float) -> list[dict[str, Any]]:
        end, pid = time.monotonic() + seconds, None
        while True:
            try:
                message = receive(self._out, end)
            except TimeoutError:
                if pid is None:
                    raise EOFError from None
                os.kill(pid, signal.SIGKILL)
                self._await_death(name)
                raise SessionError(f"stopped after {seconds:.0f} s") from None
            if message["id"] != name:
                continue  # an earlier state has died since
            if "pid" in message:
                pid = int(message["pid"])
                self._pids.add(pid)
            elif "died" in message:
                raise SessionError("its process died: out of memory, or ended by the answer")
            else:
                return list(message["outputs"])

    def _await_death(self, name: str) -> None:
        end = time.monotonic() + GRACE
        while True:
            try:
                message = receive(self._out, end)
            except TimeoutError:
                raise EOFError from None
            if message["id"] == name and "died" in message:
                return
