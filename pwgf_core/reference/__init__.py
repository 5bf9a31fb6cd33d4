"""Reference measures λ on R^d, one a file."""

from .barenblatt import Barenblatt
from .base import SAMPLINGS, Reference
from .from_distribution import FromDistribution
from .gaussian import Gaussian
from .uniform import Uniform

__all__ = ["SAMPLINGS", "Barenblatt", "FromDistribution", "Gaussian", "Reference", "Uniform"]
