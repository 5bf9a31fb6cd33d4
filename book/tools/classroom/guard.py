"""What the code of a submission may touch, and the library as it was before that code ran.

Both work inside one Python process. They stop careless and curious code; code that takes the
interpreter apart needs a separate machine.
"""

import builtins
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

# Audit events, see the table in the documentation of Python.
CHANGES = {
    f"os.{name}"
    for name in (
        "chmod chown link mkdir remove rename rmdir setxattr removexattr symlink truncate utime"
    ).split()
}
LISTS = {"os.chdir", "os.listdir", "os.listxattr", "os.getxattr", "os.scandir", "os.walk"}
FORBIDDEN = {
    *(f"os.{name}" for name in "exec fork forkpty kill killpg posix_spawn spawn system".split()),
    *(f"socket.{name}" for name in "bind connect getaddrinfo gethostbyname sendto sendmsg".split()),
    *("gc.get_objects", "gc.get_referrers", "pty.spawn", "subprocess.Popen", "sys._current_frames"),
}
READABLE_PROC = {"/proc/cpuinfo", "/proc/meminfo", "/proc/self/status"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
WATCHED = ("builtins", "math", "operator", "functools", "itertools", "random", "statistics")
PACKAGES = ("numpy", "pwgf_core", "scipy", "torch")


class Guard:
    """Refuses, while armed, what is in FORBIDDEN, files in `secret`, and writing outside `own`."""

    def __init__(self, own: Path, secret: list[Path], public: list[Path]) -> None:
        self.armed = False
        self._own, self._null = os.path.realpath(own), "/dev/null"
        self._secret = [os.path.realpath(path) for path in secret]
        self._public = [os.path.realpath(path) for path in public]
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        if event in FORBIDDEN or event.startswith("ctypes."):
            raise PermissionError(f"not allowed in an answer: {event}")
        if event == "open":
            self._open(args[0], args[2])
        elif event in LISTS:
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
        if os.path.isdir(real) and not self._inside(real, [self._own]):
            raise PermissionError(f"not allowed in an answer: opening the folder {real}")

    def _read(self, path: object) -> str:
        real = os.path.realpath(os.fsdecode(path)) if path is not None else os.getcwd()  # type: ignore[arg-type]
        hidden = self._inside(real, self._secret) and not self._inside(real, self._public)
        proc = self._inside(real, ["/proc"]) and real not in READABLE_PROC
        if (hidden or proc) and not self._inside(real, [self._own]):
            raise PermissionError(f"not allowed in an answer: reading {real}")
        return real

    def _write(self, path: object) -> None:
        real = os.path.realpath(os.fsdecode(path))  # type: ignore[arg-type]
        if real != self._null and not self._inside(real, [self._own]):
            raise PermissionError(f"not allowed in an answer: writing {real}")

    @staticmethod
    def _inside(path: str, folders: list[str]) -> bool:
        return any(path == folder or path.startswith(folder + os.sep) for folder in folders)


def _watched(name: str) -> bool:
    return name in WATCHED or name.split(".")[0] in PACKAGES


class Originals:
    """The attributes of the loaded modules of WATCHED and PACKAGES, and of their own classes."""

    def __init__(self) -> None:
        self._modules = {name: m for name, m in sys.modules.items() if _watched(name)}
        owners: list[Any] = list({id(m): m for m in self._modules.values()}.values())
        for name, module in self._modules.items():
            if name in ("torch", "numpy") or name.startswith("pwgf_core"):
                owners += [value for value in vars(module).values() if isinstance(value, type)]
        self._saved = [(owner, dict(vars(owner))) for owner in owners]
        self._setattr: Callable[..., None] = builtins.setattr

    def restore(self) -> None:
        """Undo every assignment to a saved attribute."""
        sys.modules.update(self._modules)
        for owner, saved in self._saved:
            now = owner.__dict__
            for name, value in saved.items():
                if name not in now or now[name] is not value:
                    self._put(owner, name, value)

    def _put(self, owner: Any, name: str, value: object) -> None:
        if isinstance(owner, ModuleType):
            owner.__dict__[name] = value
        elif name not in ("__dict__", "__weakref__", "__abstractmethods__"):
            type.__setattr__(owner, name, value)
