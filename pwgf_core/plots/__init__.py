"""Figures of the book. Every function returns a matplotlib figure and shows nothing by itself."""

from .aggregation import profiles, rings
from .base import EXACT, MODEL, OTHER, ellipse, figure, png
from .gaussians import gaussian_paths, linear_fields
from .runs import curves, planes

__all__ = [
    "EXACT",
    "MODEL",
    "OTHER",
    "curves",
    "ellipse",
    "figure",
    "gaussian_paths",
    "linear_fields",
    "planes",
    "png",
    "profiles",
    "rings",
]
