"""The library as it was before the code of a submission ran."""

import builtins
import sys
from types import ModuleType
from typing import Any

MODULES = ("builtins", "math", "operator", "functools", "itertools", "random", "statistics")
PACKAGES = ("numpy", "pwgf_core", "scipy", "torch")
KEPT = ("__dict__", "__weakref__", "__abstractmethods__", "_abc_impl")


def _shadows(owner: Any, name: str) -> bool:
    """Whether a new attribute hides one that was found elsewhere before."""
    if isinstance(owner, ModuleType):
        return hasattr(builtins, name)
    return any(name in vars(base) for base in owner.__mro__[1:])


class Originals:
    """The attributes of MODULES, of all modules of PACKAGES, and of the classes in some of them."""

    def __init__(self) -> None:
        self._modules = {
            name: module
            for name, module in sys.modules.items()
            if name in MODULES or name.split(".")[0] in PACKAGES
        }
        owners: list[Any] = list({id(each): each for each in self._modules.values()}.values())
        for name, module in self._modules.items():
            if name in ("torch", "numpy") or name.startswith("pwgf_core"):
                owners += [value for value in vars(module).values() if isinstance(value, type)]
        self._saved = [(owner, dict(vars(owner))) for owner in owners]

    def restore(self) -> None:
        """Undo assignments to saved attributes, and new attributes that hide old ones."""
        sys.modules.update(self._modules)
        for owner, saved in self._saved:
            now = dict(owner.__dict__)
            for name, value in saved.items():
                if (name not in now or now[name] is not value) and name not in KEPT:
                    self._put(owner, name, value)
            for name in now.keys() - saved.keys():
                if _shadows(owner, name) and name not in KEPT:
                    self._remove(owner, name)

    def _put(self, owner: Any, name: str, value: object) -> None:
        if isinstance(owner, ModuleType):
            owner.__dict__[name] = value
        else:
            type.__setattr__(owner, name, value)

    def _remove(self, owner: Any, name: str) -> None:
        if isinstance(owner, ModuleType):
            del owner.__dict__[name]
        else:
            type.__delattr__(owner, name)
