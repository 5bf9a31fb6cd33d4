"""Figures of the book. Every function returns a matplotlib figure and shows nothing by itself."""

from .base import EXACT, MODEL, OTHER, ellipse, figure, png
from .gaussians import gaussian_paths, linear_fields
from .runs import curves, planes
from .wells import marginal, potential_2d, snapshots, sweep, wells

__all__ = [
    "EXACT",
    "MODEL",
    "OTHER",
    "curves",
    "ellipse",
    "figure",
    "gaussian_paths",
    "linear_fields",
    "marginal",
    "planes",
    "png",
    "potential_2d",
    "snapshots",
    "sweep",
    "wells",
]
