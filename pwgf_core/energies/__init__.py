"""Energies F(ρ): value on a cloud, and the velocity −∇ δF/δρ of their Wasserstein gradient flow."""

from .base import Energy, Sum
from .interaction import Interaction, QuarticInteraction
from .local import Entropy, PorousMedium, Potential

__all__ = [
    "Energy",
    "Entropy",
    "Interaction",
    "PorousMedium",
    "Potential",
    "QuarticInteraction",
    "Sum",
]
