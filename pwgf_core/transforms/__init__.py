"""Push-forward maps T_θ, one family a file."""

from .affine import Affine
from .base import Jacobian, Transform
from .compose import Compose
from .planar import Planar
from .relu import TwoLayerReLU
from .residual import Residual

__all__ = ["Affine", "Compose", "Jacobian", "Planar", "Residual", "Transform", "TwoLayerReLU"]
