"""Layers that take most of a residual: gradient ascent, and orthogonal matching pursuit."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ..distributed import expectation

RATE = 0.1  # of Adam, falling linearly to 0
NOVEL = 1e-2  # part of a field that must lie outside the span of the others
RETURN = 0.5  # of the best gain of a round; below it, new candidates are looked for


def orthonormal(features: Tensor) -> Tensor:
    """Columns with the span of `features` (n, k), orthonormal in the mean over the sample."""
    features = features / torch.linalg.vector_norm(features, dim=0).clamp_min(1e-30)
    left, values, _ = torch.linalg.svd(features, full_matrices=False)
    return left[:, values > 1e-5 * values[0]] * len(features) ** 0.5


def gains(field: Tensor, r: Tensor, basis: Tensor) -> Tensor:
    """The fall of min E|r − Σ_i c_i φ e_i|² by each φ: |E[rφ⊥]|² / E[φ⊥²], shape (C,).

    φ⊥ is a column of `field` (n, C) less its projection on the span of `basis` (n, k), whose
    columns have E[q_i q_j] = δ_ij and on which r (n, d) has no component.

    >>> x = torch.tensor([[-1.0], [0.0], [1.0]])
    >>> [round(float(g), 6) for g in gains(torch.cat([x, 2 * x, x * x], 1), x, torch.ones(3, 1))]
    [0.666667, 0.666667, 0.0]
    """
    n = len(r)
    size = expectation(field.square().sum(0), n)
    inside = expectation(basis.T @ field, n).square().sum(0)
    # within round-off of nothing: no gain
    outside = torch.where(size - inside > 1e-6 * size, size - inside, torch.inf)
    return expectation(field.T @ r, n).square().sum(1) / outside


def ascend(y: Tensor, r: Tensor, w: Tensor, b: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Maximise the gain of tanh(w·y + b) over unit vectors w and biases b, from every row at once.

    Shapes (n, d), (n, d), (C, d), (C,). Only 1 and y are projected out of the candidates, so that y
    must be white: E[y] = 0, E[yyᵀ] = I. For r = Σ_i ρ_i(q_i·y) q_i and Gaussian y the maxima are at
    the ± q_i: the expansion of r in Hermite tensors is orthogonal.
    """
    basis = torch.cat([torch.ones_like(y[:, :1]), y], 1)
    w, b = w.clone().requires_grad_(), b.clone().requires_grad_()
    optimiser = torch.optim.Adam([w, b], lr=RATE)
    with torch.enable_grad():
        for k in range(steps):
            optimiser.param_groups[0]["lr"] = RATE * (1 - k / steps)
            optimiser.zero_grad()
            field = torch.tanh(y @ torch.nn.functional.normalize(w).T + b)
            (-gains(field, r, basis).clamp_min(1e-30).log().sum()).backward()
            optimiser.step()
    return torch.nn.functional.normalize(w).detach(), b.detach()


def first_candidates(r: Tensor, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """The principal directions of E[rrᵀ], filled up by random ones, and random biases."""
    d = r.shape[1]
    principal = torch.linalg.eigh(expectation(r.T @ r, len(r))).eigenvectors.T.flip(0)[:count]
    device = generator.device
    noise = torch.randn(
        max(0, count - d), d, generator=generator, device=device, dtype=torch.float64
    )
    biases = 3 * torch.rand(count, generator=generator, device=device, dtype=torch.float64) - 1.5
    return torch.cat([principal, torch.nn.functional.normalize(noise).to(r)]), biases.to(r)


def pursue(
    y: Tensor,
    r: Tensor,
    basis: Tensor,
    w: Tensor,
    b: Tensor,
    profile: Tensor | None,
    limit: int,
    least: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Orthogonal matching pursuit among the candidates (w, b).

    The best one is taken, or with a `profile` of biases the whole row of layers with its w, r and
    `basis` are made orthogonal to it, and so on: up to `limit` layers, while the gain is at least
    the part `least` of E|r|² and not far below the first. Returns (w, b) of the chosen layers, and
    the new r and basis.
    """
    n, chosen_w, chosen_b, best = len(y), [w[:0]], [b[:0]], 0.0
    field = torch.tanh(y @ w.T + b)
    width = 1 if profile is None else len(profile)
    while sum(map(len, chosen_b)) + width <= limit:
        gain = gains(field, r, basis)
        outside = field - basis @ expectation(basis.T @ field, n)
        novel = outside.square().sum(0) > NOVEL * (field - field.mean(0)).square().sum(0)
        gain = torch.where(novel, gain, 0.0)
        j = int(gain.argmax())
        value = float(gain[j])
        best = max(best, value)
        if value < max(least * float(expectation(r.square().sum(), n)), RETURN * best):
            break
        rows_b = b[j : j + 1] if profile is None else profile
        rows_w = w[j].expand(width, -1)
        new = torch.tanh(y @ rows_w.T + rows_b)
        new = orthonormal(new - basis @ expectation(basis.T @ new, n))
        basis, r = torch.cat([basis, new], 1), r - new @ expectation(new.T @ r, n)
        chosen_w.append(rows_w)
        chosen_b.append(rows_b)
    return torch.cat(chosen_w), torch.cat(chosen_b), r, basis
