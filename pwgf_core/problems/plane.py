"""Problems in the plane: aggregation, a porous medium, and a double well."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ..energies import Entropy, PorousMedium, Potential, QuarticInteraction
from ..errors import check_choice
from ..exact import Aggregation2D, BarenblattSolution, FokkerPlanck1D, Separable
from ..initial import fit_initial
from ..linalg import Dense
from ..model import PushForward
from ..reference import Barenblatt, Gaussian
from ..state import Problem
from .families import first_theta, make_transform, small_solver

CENTRE, SPREAD = 1.25, 0.18**0.5  # x⁰ and b/√2 of the slides
REFERENCES = ("barenblatt", "gaussian")


def aggregation_2d(
    transform: str = "residual",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Problem:
    """Aggregation equation with W(y) = |y|⁴/4 − |y|²/2 from N(x⁰, 0.18 I), x⁰ = (5/4, 5/4).

    The slides' first example with ρ_0 normalised: λ = N(0, I), and T starts as the affine map
    z ↦ x⁰ + 0.18^½ z. The flow slows down as the ring forms, so the steps are adaptive.
    """
    dtype = dtype or torch.float64
    family = make_transform(transform, 2, layers, allowed=("affine", "residual"), width=96)
    theta0 = first_theta(family, seed, torch.float64)
    theta0[:6] = torch.tensor([SPREAD, 0.0, 0.0, SPREAD, CENTRE, CENTRE])  # A and c come first
    return Problem(
        PushForward(Gaussian(2), family),
        QuarticInteraction(1.0, -1.0),
        theta0.to(device, dtype),
        t_end=5.0,
        h=0.5,
        samples=2048,
        sampling="matched",
        method="adaptive",
        solver=Dense(cutoff=1e-14, shift=1e-9),
        exact=Aggregation2D(initial=lambda z: CENTRE + SPREAD * z),
        name="aggregation_2d",
    )


def porous_medium_2d(
    transform: str | None = None,
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    *,
    reference: str = "barenblatt",
) -> Problem:
    """Porous-medium equation ∂_tρ = Δρ² in the plane from Barenblatt's profile at t0 = 1.

    With the `reference` `barenblatt`, λ = ρ_0 is the profile itself, the exact map a dilation, and
    `affine` the default family. With `gaussian`, λ = N(0, I), a flow (`affine-planar` with K = 16
    by default) is first fitted to the optimal map from λ to the profile: `initial` is that fit.
    """
    check_choice("reference", reference, REFERENCES)
    dtype = dtype or torch.float64
    profile = Barenblatt(2, 2.0, 1.0)
    if reference == "barenblatt":
        transform, start = transform or "affine", None
        family = make_transform(transform, 2, layers, width=32)
        model, initial = PushForward(profile, family), None
        theta0 = first_theta(family, seed, dtype, device)
    else:
        transform, start = transform or "affine-planar", profile.from_normal
        # a residual map that has to bend so much folds
        allowed = ("affine-planar", "planar", "affine")
        family = make_transform(transform, 2, 16 if layers is None else layers, allowed=allowed)
        model, generator = PushForward(Gaussian(2), family), Generator(device).manual_seed(seed)
        first = first_theta(family, seed, dtype, device)
        initial = fit_initial(model, first, start, generator, tol=1e-6)
        theta0 = initial.theta
    return Problem(
        model,
        PorousMedium(2.0),
        theta0,
        t_end=1.0,
        h=0.02,
        samples=2000,
        sampling="matched",
        solver=small_solver(transform, 1e-7),
        exact=BarenblattSolution(2, 2.0, 1.0, initial=start),
        initial=initial,
        name="porous_medium_2d",
    )


def double_well_2d(
    transform: str = "affine-planar",
    layers: int | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Problem:
    """Fokker–Planck equation with V(x) = (x₁² − 1)² + x₂²/2 and D = 1, from N(0, I).

    The exact law is a product: of a flow on the line in x₁, and of N(0, 1), which stays, in x₂.
    V″ reaches two hundred in the tails of ρ_0, so the first steps are short: they are adaptive.
    """
    dtype = dtype or torch.float64
    family = make_transform(transform, 2, layers, width=64)

    def gradient(x: Tensor) -> Tensor:
        x1, x2 = x.T
        return torch.stack([4 * x1 * (x1 * x1 - 1), x2], 1)

    def hessian(x: Tensor) -> Tensor:
        x1 = x[:, 0]
        return torch.diag_embed(torch.stack([12 * x1 * x1 - 4, torch.ones_like(x1)], 1))

    first, second = (
        FokkerPlanck1D(v, lambda x: torch.exp(-x * x / 2), (-7, 7))
        for v in (lambda x: (x * x - 1) ** 2, lambda x: x * x / 2)
    )
    return Problem(
        PushForward(Gaussian(2), family),
        Potential(lambda x: (x[:, 0] ** 2 - 1) ** 2 + x[:, 1] ** 2 / 2, gradient, hessian)
        + Entropy(),
        first_theta(family, seed, dtype, device),
        t_end=1.0,
        h=0.05,
        samples=1000,
        sampling="matched",
        method="adaptive",
        exact=Separable([first, second]),
        name="double_well_2d",
    )
