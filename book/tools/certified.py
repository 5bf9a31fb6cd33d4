"""A run that grows in thirty dimensions: its certificate, and how small its map can become."""

from __future__ import annotations

import math
from typing import Any

from torch import Generator

from pwgf_core import (
    Explicit,
    Growth,
    certificate,
    evaluate,
    evaluation_cloud,
    evolve,
    grown,
    prune,
)
from pwgf_core import problem as problem_by_name

CURVATURE = -0.64  # the least eigenvalue of ∇²V


def certified_case(seed: int, tols: list[float], layers: int = 120) -> dict[str, Any]:
    """The bound of W2(ρ_θt, ρ_t) along the run, beside a distance that is never larger than W2.

    W2² is at least the sum of the squares of the marginals' W2, hence √d times their mean is a
    lower bound. At the end the map is pruned to within each of `tols`, and the
    marginals are measured again.
    """
    start = problem_by_name("styblinski_tang_30d", transform="affine", seed=seed, rotate=seed + 1)
    plan = Growth(layers=layers, biases=4)
    run = evolve(start, Explicit(start.h), record=36, seed=seed, progress=False, growth=plan)
    end = grown(start, run.growths, run.thetas[0])
    noise, theta = Generator().manual_seed(seed + 7), run.thetas[-1]
    z = end.model.reference.draw(2048, noise, theta.dtype, "matched")
    bound = certificate(end, run.times, run.thetas, z, CURVATURE)
    errors = evaluate(end, run, 16384).errors["marginal_w2"]
    x = evaluation_cloud(end, theta, 16384)
    pruned = []
    for tol in tols:
        small = prune(end.model, theta, tol, Generator().manual_seed(seed))
        y = small.model.cloud(small.theta, x.z)
        assert end.exact is not None
        pruned.append(
            {
                "tol": tol,
                "layers": len(small.kept),
                "w2_bound": small.w2_bound,
                "map_change": float((x.x - y.x).square().sum(1).mean().sqrt()),
                "marginal_w2": end.exact.errors(y, run.times[-1])["marginal_w2"],
            }
        )
    return {
        "times": bound.times,
        "residual": bound.residual,
        "bound": bound.bound,
        "least": [math.sqrt(start.model.dim) * w for w in errors],
        "layers": sum(report["layers"] for report in run.growths),
        "marginal_w2": errors[-1],
        "pruned": pruned,
    }
