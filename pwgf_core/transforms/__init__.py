"""Push-forward maps T_θ, one family a file."""

from .affine import Affine
from .base import Jacobian, Transform
from .compose import Compose
from .planar import Planar

__all__ = ["Affine", "Compose", "Jacobian", "Planar", "Transform"]
