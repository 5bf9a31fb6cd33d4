"""Figures of the book. Every function returns a matplotlib figure and shows nothing by itself."""

from .base import EXACT, MODEL, OTHER, ellipse, figure, png
from .gaussians import gaussian_paths, linear_fields
from .maps import bent_grid, folds
from .runs import curves, planes

__all__ = [
    "EXACT",
    "MODEL",
    "OTHER",
    "bent_grid",
    "curves",
    "ellipse",
    "figure",
    "folds",
    "gaussian_paths",
    "linear_fields",
    "planes",
    "png",
]
