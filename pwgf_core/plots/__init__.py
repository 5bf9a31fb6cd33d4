"""Figures of the book. Every function returns a matplotlib figure and shows nothing by itself."""

from .base import EXACT, MODEL, OTHER, ellipse, figure, png
from .gaussians import gaussian_paths, linear_fields
from .potentials import landscapes
from .relaxed import decays, residual_field
from .runs import curves, planes

__all__ = [
    "EXACT",
    "MODEL",
    "OTHER",
    "curves",
    "decays",
    "ellipse",
    "figure",
    "gaussian_paths",
    "landscapes",
    "linear_fields",
    "planes",
    "png",
    "residual_field",
]
