"""Figures of the book. Every function returns a matplotlib figure and shows nothing by itself."""

from .base import EXACT, MODEL, OTHER, ellipse, figure, png
from .bilevel import displacement, proximal_landscape, step_errors
from .gaussians import gaussian_paths, linear_fields
from .potentials import landscapes
from .runs import curves, planes

__all__ = [
    "EXACT",
    "MODEL",
    "OTHER",
    "curves",
    "displacement",
    "ellipse",
    "figure",
    "gaussian_paths",
    "landscapes",
    "linear_fields",
    "planes",
    "png",
    "proximal_landscape",
    "step_errors",
]
