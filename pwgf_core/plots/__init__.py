"""Figures of the book. Every function returns a matplotlib figure and shows nothing by itself."""

from .aggregation import profiles, rings
from .base import EXACT, MODEL, OTHER, ellipse, figure, png
from .bilevel import displacement, proximal_landscape, step_errors
from .convergence import convergence
from .densities import free_boundary, graphs
from .dots import dots
from .error_analysis import error_beside_bounds, errors_by_size
from .flows_in_pictures import flow_in_plane, flow_on_line, projections
from .gaussians import gaussian_paths, linear_fields
from .growth import residual_and_layers
from .maps import bent_grid, folds
from .metric_comparison import mode_factors, rival_laws
from .other_methods import densities, error_against_seconds
from .overview import error_against_dimension
from .potentials import landscapes
from .relaxed import decays, residual_field
from .runs import curves, planes
from .several_processes import scaling
from .two_metrics import approximations, overfit, relation_diagram
from .wasserstein_flows import distance_bounds, falling, interpolations
from .wells import marginal, potential_2d, snapshots, sweep, wells

__all__ = [
    "EXACT",
    "MODEL",
    "OTHER",
    "approximations",
    "bent_grid",
    "convergence",
    "curves",
    "decays",
    "densities",
    "displacement",
    "distance_bounds",
    "dots",
    "ellipse",
    "error_against_dimension",
    "error_against_seconds",
    "error_beside_bounds",
    "errors_by_size",
    "falling",
    "figure",
    "flow_in_plane",
    "flow_on_line",
    "folds",
    "free_boundary",
    "gaussian_paths",
    "graphs",
    "interpolations",
    "landscapes",
    "linear_fields",
    "marginal",
    "mode_factors",
    "overfit",
    "planes",
    "png",
    "potential_2d",
    "profiles",
    "projections",
    "proximal_landscape",
    "relation_diagram",
    "residual_and_layers",
    "residual_field",
    "rings",
    "rival_laws",
    "scaling",
    "snapshots",
    "step_errors",
    "sweep",
    "wells",
]
