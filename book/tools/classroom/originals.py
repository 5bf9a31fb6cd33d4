"""The library as it was before the code of a submission ran."""

import sys
from types import ModuleType
from typing import Any

WATCHED = ("builtins", "math", "operator", "functools", "itertools", "random", "statistics")
PACKAGES = ("numpy", "pwgf_core", "scipy", "torch")


def _watched(name: str) -> bool:
    return name in WATCHED or name.split(".", maxsplit=1)[0] in PACKAGES


class Originals:
    """The attributes of the loaded modules of WATCHED and PACKAGES, and of their own classes."""

    def __init__(self) -> None:
        self._modules = {name: m for name, m in sys.modules.items() if _watched(name)}
        owners: list[Any] = list({id(m): m for m in self._modules.values()}.values())
        for name, module in self._modules.items():
            if name in ("torch", "numpy") or name.startswith("pwgf_core"):
                owners += [value for value in vars(module).values() if isinstance(value, type)]
        self._saved = [(owner, dict(vars(owner))) for owner in owners]

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
