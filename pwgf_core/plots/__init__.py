"""Figures of the book. Every function returns a matplotlib figure and shows nothing by itself."""

from .base import EXACT, MODEL, OTHER, ellipse, figure, png
from .densities import free_boundary, graphs
from .gaussians import gaussian_paths, linear_fields
from .potentials import landscapes
from .runs import curves, planes

__all__ = [
    "EXACT",
    "MODEL",
    "OTHER",
    "curves",
    "ellipse",
    "figure",
    "free_boundary",
    "gaussian_paths",
    "graphs",
    "landscapes",
    "linear_fields",
    "planes",
    "png",
]
