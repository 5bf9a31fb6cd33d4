"""The command line in a process of its own, forked so that nothing has to be imported again."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path
from typing import NamedTuple

from pwgf_core.__main__ import main


class Ended(NamedTuple):
    """How a process ended: its exit code (minus the signal that ended it), stdout and stderr."""

    code: int
    out: str
    err: str


class Command:
    """`python -m pwgf_core` with these options, running; `largest` limits the files it writes."""

    def __init__(self, options: list[str], largest: int | None = None) -> None:
        self._pipes = os.pipe(), os.pipe()  # a table fits in them: they are read at the end
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                for i, (_, end) in enumerate(self._pipes, 1):
                    os.dup2(end, i)
                if largest is not None:
                    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error, as on a full disk
                    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
                with (
                    os.fdopen(1, "w", closefd=False) as os_out,
                    os.fdopen(2, "w", closefd=False) as os_err,
                ):
                    import sys  # noqa: PLC0415

                    sys.stdout, sys.stderr = os_out, os_err
                    try:
                        code = main(options)
                    except SystemExit as stop:
                        code = int(stop.code or 0)
                    except BaseException:
                        import traceback  # noqa: PLC0415

                        traceback.print_exc()
            finally:
                os._exit(code)

    def wait_for(self, path: Path, seconds: float = 120) -> None:
        """Until the file is there."""
        limit = time.monotonic() + seconds
        while not path.exists() and time.monotonic() < limit:
            time.sleep(0.001)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        """Until it has ended."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        texts = []
        for start, end in self._pipes:
            os.close(end)
            with os.fdopen(start, encoding="utf-8") as file:
                texts.append(file.read())
        return Ended(code, *texts)
