"""Time steps of the parametrised flows."""

from .explicit import Explicit

__all__ = ["Explicit"]
