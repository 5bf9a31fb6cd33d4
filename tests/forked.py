"""The command line in a process of its own, forked so that nothing has to be imported again."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pwgf_core.__main__ import main


class Ended(NamedTuple):
    """How a process ended: its exit code (minus the signal that ended it), stdout and stderr."""

    code: int
    out: str
    err: str


class Command:
    """`python -m pwgf_core` with these options, running. `prepare` is called in it first."""

    def __init__(self, options: list[str], prepare: Callable[[], object] | None = None) -> None:
        self._pipes = os.pipe(), os.pipe()  # a table fits in them: they are read at the end
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.dup2(self._pipes[0][1], 1)
                os.dup2(self._pipes[1][1], 2)
                sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
                sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
                if prepare is not None:
                    prepare()
                code = main(options)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
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
            with open(start, encoding="utf-8") as file:  # noqa: PTH123
                texts.append(file.read())
        return Ended(code, *texts)


def small_disk(largest: int) -> Callable[[], None]:
    """No file can grow above `largest` bytes: an error when writing, as on a full disk."""

    def prepare() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    return prepare


def killed_at_sync(number: int, part: float) -> Callable[[], None]:
    """SIGKILL when data are about to be brought to the disk for the `number`-th time, and only a
    `part` of the file has arrived there."""
    calls: list[int] = []

    def sync(file: int) -> None:
        calls.append(file)
        if len(calls) == number:
            if part < 1:
                os.ftruncate(file, int(os.fstat(file).st_size * part))
            os.kill(os.getpid(), signal.SIGKILL)

    def prepare() -> None:
        os.fsync = sync

    return prepare
