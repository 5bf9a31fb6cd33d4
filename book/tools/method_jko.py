"""The published Ornstein–Uhlenbeck targets: our symmetric KL beside that of a neural JKO scheme."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Generator
from torch.distributions import MultivariateNormal

from method_cases import jko_law, jko_targets
from pwgf_core import (
    Explicit,
    evaluation_cloud,
    evolve,
    gaussian_kl,
    moments,
    problem,
    symmetric_kl,
)
from rivals import langevin

TIME, POINTS, PARTICLES = 0.9, 8192, 50000


def published(target: dict[str, Any], method: str) -> tuple[float, float]:
    """Symmetric KL at t = 0.9, and the seconds of all steps up to then, as published."""
    found = target["published"][method]
    last = round(10 * TIME)  # the times are 0.1, 0.2, …
    divergence = found["kl_train"][last - 1] + found["kl_target"][last - 1]
    return divergence, sum(found["train_seconds"][:last])


def ours(target: dict[str, Any]) -> tuple[float, float]:
    """Symmetric KL of the planar flow at t = 0.9 with adaptive steps, and its seconds."""
    law = jko_law(target)
    flow = problem("ornstein_uhlenbeck", mean=law.mu, covariance=law.sigma)
    begin = time.process_time()
    run = evolve(
        flow, Explicit(0.2, "adaptive"), t_end=TIME, samples=2000, record=1, progress=False
    )
    seconds = time.process_time() - begin
    theta, model = run.thetas[-1], flow.model
    exact = MultivariateNormal(law.mean(TIME), law.covariance(TIME))
    y = model.reference.draw(POINTS, Generator().manual_seed(1), sampling="matched")
    y = law.mean(TIME) + y @ torch.linalg.cholesky(law.covariance(TIME)).T

    def back(x: torch.Tensor) -> torch.Tensor:
        return model.transform(theta, model.transform.inverse(theta, x))

    x = evaluation_cloud(flow, theta, POINTS).x
    value = symmetric_kl(x, lambda p: model.log_prob(theta, p), y, exact.log_prob, back)
    return value, seconds


def gaussian_fit(target: dict[str, Any]) -> tuple[float, float]:
    """Symmetric KL of the Gaussian with the moments of 50 000 Langevin particles, and seconds."""
    law, generator = jko_law(target), Generator().manual_seed(0)
    begin = time.process_time()
    x = torch.randn(PARTICLES, len(law.mu), generator=generator)
    mu, precision = law.mu.float(), law.precision.float()
    x = langevin(lambda p: (p - mu) @ precision, x, TIME, 180, 1.0, generator)
    found = moments(x)
    seconds = time.process_time() - begin
    exact = law.mean(TIME), law.covariance(TIME)
    return gaussian_kl(*found, *exact) + gaussian_kl(*exact, *found), seconds


def compare() -> list[dict[str, Any]]:
    """One row per target and method."""
    rows = []
    for target in jko_targets():
        found = {"ours": ours(target), "Langevin, Gaussian fit": gaussian_fit(target)}
        found |= {
            "neural JKO, published": published(target, "ICNN_jko"),
            "Langevin and a kernel density, published": published(target, "EM_sim_50000"),
        }
        for method, (divergence, seconds) in found.items():
            row = {"target": target["seed"], "method": method}
            rows.append(row | {"symmetric_kl": divergence, "seconds": seconds})
            print(rows[-1], flush=True)
    return rows
