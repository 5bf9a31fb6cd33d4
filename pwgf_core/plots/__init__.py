"""Figures of the book. Every function returns a matplotlib figure and shows nothing by itself."""

from .base import EXACT, MODEL, OTHER, ellipse, figure, png
from .gaussians import gaussian_paths, linear_fields
from .potentials import landscapes
from .runs import curves, planes
from .two_metrics import approximations, overfit, relation_diagram

__all__ = [
    "EXACT",
    "MODEL",
    "OTHER",
    "approximations",
    "curves",
    "ellipse",
    "figure",
    "gaussian_paths",
    "landscapes",
    "linear_fields",
    "overfit",
    "planes",
    "png",
    "relation_diagram",
]
