"""What the code of a submission may touch: a hook on the audit events of Python.

It stops careless and curious code. Code that takes the interpreter apart needs a separate machine.
"""

import os
import sys
from os import getcwd  # bound here: an answer may assign to the modules' own
from os.path import isdir, realpath
from pathlib import Path
from typing import Any

CHANGES = frozenset(
    [
        "os.chmod",
        "os.chown",
        "os.link",
        "os.mkdir",
        "os.remove",
        "os.removexattr",
        "os.rename",
        "os.rmdir",
        "os.setxattr",
        "os.symlink",
        "os.truncate",
        "os.utime",
    ]
)
LISTS = frozenset(
    ["os.chdir", "os.getxattr", "os.listdir", "os.listxattr", "os.scandir", "os.walk"]
)
FORBIDDEN = frozenset(
    [
        "gc.get_objects",
        "gc.get_referrers",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.kill",
        "os.killpg",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "pty.spawn",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
        "subprocess.Popen",
        "sys._current_frames",
    ]
)
READABLE_PROC = {"/proc/cpuinfo", "/proc/meminfo", "/proc/self/status"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Guard:
    """Refuses, while armed, what is in FORBIDDEN, files in `secret`, and writing outside `own`."""

    def __init__(self, own: Path, secret: list[Path], public: list[Path]) -> None:
        self.armed = False
        self._own, self._null = realpath(own), "/dev/null"
        self._secret = [realpath(path) for path in secret]
        self._public = [realpath(path) for path in public]
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        if event in FORBIDDEN or event.startswith("ctypes."):
            raise PermissionError(f"not allowed in an answer: {event}")
        if event == "open":
            self._open(args[0], args[2])
        elif event in LISTS and not isinstance(args[0], int):  # open folders are its own
            self._read(args[0])
        elif event in CHANGES:
            for path in args:
                if isinstance(path, str | bytes | os.PathLike):
                    self._write(path)

    def _open(self, path: object, flags: int) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a file that is open already
        if flags & WRITES:
            self._write(path)
            return
        real = self._read(path)
        # Names relative to an open folder would escape the check.
        if isdir(real) and not self._inside(real, [self._own]):  # noqa: PTH112
            raise PermissionError(f"not allowed in an answer: opening the folder {real}")

    def _read(self, path: object) -> str:
        here = getcwd()  # noqa: PTH109
        real = realpath(os.fsdecode(path)) if path is not None else here  # type: ignore[arg-type]
        hidden = self._inside(real, self._secret) and not self._inside(real, self._public)
        proc = self._inside(real, ["/proc"]) and real not in READABLE_PROC
        if (hidden or proc) and not self._inside(real, [self._own]):
            raise PermissionError(f"not allowed in an answer: reading {real}")
        return real

    def _write(self, path: object) -> None:
        real = realpath(os.fsdecode(path))  # type: ignore[arg-type]
        if real != self._null and not self._inside(real, [self._own]):
            raise PermissionError(f"not allowed in an answer: writing {real}")

    @staticmethod
    def _inside(path: str, folders: list[str]) -> bool:
        return any(path == folder or path.startswith(folder + os.sep) for folder in folders)
