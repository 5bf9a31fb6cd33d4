"""Figures of the book. Every function returns a matplotlib figure and shows nothing by itself."""

from .base import EXACT, MODEL, OTHER, ellipse, figure, png
from .gaussians import gaussian_paths, linear_fields
from .other_methods import densities, error_against_seconds
from .runs import curves, planes

__all__ = [
    "EXACT",
    "MODEL",
    "OTHER",
    "curves",
    "densities",
    "ellipse",
    "error_against_seconds",
    "figure",
    "gaussian_paths",
    "linear_fields",
    "planes",
    "png",
]
