"""Time steps of the parametrised flows."""

from .bilevel import BiLevel, BiLevelNetwork
from .doubling import StepDoubling
from .explicit import Explicit
from .implicit import ImplicitRelaxed, LinearlyImplicit

__all__ = [
    "BiLevel",
    "BiLevelNetwork",
    "Explicit",
    "ImplicitRelaxed",
    "LinearlyImplicit",
    "StepDoubling",
]
