"""Push-forward maps T_θ, one family a file."""

from .affine import Affine
from .base import Jacobian, Transform
from .basis import Basis
from .compose import Compose
from .features import Bumps, Fourier, Polynomials, Ridges
from .from_module import FromModule
from .neural_ode import NeuralODE
from .planar import Planar
from .relu import TwoLayerReLU
from .reparametrised import Reparametrised
from .residual import Residual

__all__ = [
    "Affine",
    "Basis",
    "Bumps",
    "Compose",
    "Fourier",
    "FromModule",
    "Jacobian",
    "NeuralODE",
    "Planar",
    "Polynomials",
    "Reparametrised",
    "Residual",
    "Ridges",
    "Transform",
    "TwoLayerReLU",
]
