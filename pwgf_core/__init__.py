"""Wasserstein gradient flows on push-forward generative models.

One step of a flow: z ~ λ, x = T_θ(z), velocity v(x) = −∇δF/δρ, metric G, ξ = G†E[Jᵀv], θ⁺ = θ + hξ.
"""

from .diagnostics import (
    DiscreteW2,
    Dissipation,
    Misfits,
    convergence_order,
    discrete_w2,
    dissipation,
    energy_bound,
    energy_distance,
    equilibrium_bound,
    equilibrium_constant,
    gaussian_kl,
    gaussian_w2,
    growth_bound,
    growth_bound_along,
    kl,
    misfit,
    misfits,
    moments,
    sample_noise,
    sliced_w2,
    symmetric_kl,
    uniform_bound,
    w2_1d,
)
from .energies import Energy, Entropy, Interaction, PorousMedium, Potential, QuarticInteraction
from .errors import NumericalError
from .exact import (
    Aggregation2D,
    BarenblattSolution,
    FiniteVolume1D,
    FokkerPlanck1D,
    GaussianSolution,
    LinearDrift,
    OrnsteinUhlenbeck,
    PorousMedium1D,
    ProjectedGaussian,
    Separable,
    gaussian_proximal_step,
    particle_flow,
)
from .flow import Evaluation, Trajectory, evaluate, evaluation_cloud, evolve, step_generator
from .linalg import Dense, Minres, Solution, Status, minres
from .metrics import RelaxedMetric
from .model import Cloud, PushForward
from .problems import PROBLEMS, problem
from .reference import Gaussian, Reference
from .schemes import Explicit
from .state import Info, Problem, State
from .transforms import Affine, Compose, Jacobian, Planar, Transform

__version__ = "0.1.0"

__all__ = [
    "PROBLEMS",
    "Affine",
    "Aggregation2D",
    "BarenblattSolution",
    "Cloud",
    "Compose",
    "Dense",
    "DiscreteW2",
    "Dissipation",
    "Energy",
    "Entropy",
    "Evaluation",
    "Explicit",
    "FiniteVolume1D",
    "FokkerPlanck1D",
    "Gaussian",
    "GaussianSolution",
    "Info",
    "Interaction",
    "Jacobian",
    "LinearDrift",
    "Minres",
    "Misfits",
    "NumericalError",
    "OrnsteinUhlenbeck",
    "Planar",
    "PorousMedium",
    "PorousMedium1D",
    "Potential",
    "Problem",
    "ProjectedGaussian",
    "PushForward",
    "QuarticInteraction",
    "Reference",
    "RelaxedMetric",
    "Separable",
    "Solution",
    "State",
    "Status",
    "Trajectory",
    "Transform",
    "convergence_order",
    "discrete_w2",
    "dissipation",
    "energy_bound",
    "energy_distance",
    "equilibrium_bound",
    "equilibrium_constant",
    "evaluate",
    "evaluation_cloud",
    "evolve",
    "gaussian_kl",
    "gaussian_proximal_step",
    "gaussian_w2",
    "growth_bound",
    "growth_bound_along",
    "kl",
    "minres",
    "misfit",
    "misfits",
    "moments",
    "particle_flow",
    "problem",
    "sample_noise",
    "sliced_w2",
    "step_generator",
    "symmetric_kl",
    "uniform_bound",
    "w2_1d",
]
