"""Wasserstein gradient flows on push-forward generative models.

One step of a flow: z ~ λ, x = T_θ(z), velocity v(x) = −∇δF/δρ, metric G, ξ = G†E[Jᵀv], θ⁺ = θ + hξ.
"""

from .checks import CheckError, check_gradient, check_jacobian
from .diagnostics import convergence_order, gaussian_kl, gaussian_w2, moments, sample_noise
from .energies import Energy, Entropy, Potential
from .errors import NumericalError
from .exact import OrnsteinUhlenbeck
from .flow import Evaluation, Trajectory, evaluate, evaluation_cloud, evolve, step_generator
from .initial import InitialFit, fit_initial
from .linalg import Dense, Minres, Solution, Status, minres
from .metrics import RelaxedMetric
from .model import Cloud, PushForward
from .problems import PROBLEMS, problem
from .reference import Barenblatt, FromDistribution, Gaussian, Reference, Uniform
from .schemes import Explicit
from .state import Info, Problem, State
from .transforms import (
    Affine,
    Basis,
    Bumps,
    Compose,
    Fourier,
    FromModule,
    Jacobian,
    NeuralODE,
    Planar,
    Polynomials,
    Residual,
    Ridges,
    Transform,
    TwoLayerReLU,
)

__version__ = "0.1.0"

__all__ = [
    "PROBLEMS",
    "Affine",
    "Barenblatt",
    "Basis",
    "Bumps",
    "CheckError",
    "Cloud",
    "Compose",
    "Dense",
    "Energy",
    "Entropy",
    "Evaluation",
    "Explicit",
    "Fourier",
    "FromDistribution",
    "FromModule",
    "Gaussian",
    "Info",
    "InitialFit",
    "Jacobian",
    "Minres",
    "NeuralODE",
    "NumericalError",
    "OrnsteinUhlenbeck",
    "Planar",
    "Polynomials",
    "Potential",
    "Problem",
    "PushForward",
    "Reference",
    "RelaxedMetric",
    "Residual",
    "Ridges",
    "Solution",
    "State",
    "Status",
    "Trajectory",
    "Transform",
    "TwoLayerReLU",
    "Uniform",
    "check_gradient",
    "check_jacobian",
    "convergence_order",
    "evaluate",
    "evaluation_cloud",
    "evolve",
    "fit_initial",
    "gaussian_kl",
    "gaussian_w2",
    "minres",
    "moments",
    "problem",
    "sample_noise",
    "step_generator",
]
