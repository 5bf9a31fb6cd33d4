"""Exact and reference solutions of Wasserstein gradient flows, in double precision on the CPU."""

from .aggregation import Aggregation2D
from .barenblatt import BarenblattSolution
from .bures import (
    gaussian_action,
    gaussian_geodesic,
    gaussian_metric,
    gaussian_speed,
    gradient_part,
    lyapunov,
    optimal_matrix,
)
from .finite_volume import FiniteVolume1D
from .fokker_planck_1d import FokkerPlanck1D
from .gaussian import GaussianSolution, LinearDrift, OrnsteinUhlenbeck
from .particles import particle_flow, trajectories
from .porous_medium_1d import PorousMedium1D
from .projected import ProjectedGaussian, gaussian_proximal_step
from .radial import RadialBlocks
from .separable import Separable

__all__ = [
    "Aggregation2D",
    "BarenblattSolution",
    "FiniteVolume1D",
    "FokkerPlanck1D",
    "GaussianSolution",
    "LinearDrift",
    "OrnsteinUhlenbeck",
    "PorousMedium1D",
    "ProjectedGaussian",
    "RadialBlocks",
    "Separable",
    "gaussian_action",
    "gaussian_geodesic",
    "gaussian_metric",
    "gaussian_proximal_step",
    "gaussian_speed",
    "gradient_part",
    "lyapunov",
    "optimal_matrix",
    "particle_flow",
    "trajectories",
]
