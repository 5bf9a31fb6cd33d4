"""Distances between distributions, misfits of a flow, error bounds and convergence orders."""

from .bounds import (
    energy_bound,
    equilibrium_bound,
    equilibrium_constant,
    growth_bound,
    growth_bound_along,
    uniform_bound,
)
from .distances import DiscreteW2, discrete_w2, energy_distance, sliced_w2, w2_1d
from .divergence import kl, symmetric_kl
from .gaussian import gaussian_kl, gaussian_w2, moments
from .histograms import ChiSquare, cell_masses, chi_square
from .misfit import Misfits, misfit, misfits
from .posterior import Certificate, certificate, residual_along
from .runs import Dissipation, convergence_order, dissipation, sample_noise
from .scaling import Machine
from .spectrum import metric_spectrum

__all__ = [
    "Certificate",
    "ChiSquare",
    "DiscreteW2",
    "Dissipation",
    "Machine",
    "Misfits",
    "cell_masses",
    "certificate",
    "chi_square",
    "convergence_order",
    "discrete_w2",
    "dissipation",
    "energy_bound",
    "energy_distance",
    "equilibrium_bound",
    "equilibrium_constant",
    "gaussian_kl",
    "gaussian_w2",
    "growth_bound",
    "growth_bound_along",
    "kl",
    "metric_spectrum",
    "misfit",
    "misfits",
    "moments",
    "residual_along",
    "sample_noise",
    "sliced_w2",
    "symmetric_kl",
    "uniform_bound",
    "w2_1d",
]
