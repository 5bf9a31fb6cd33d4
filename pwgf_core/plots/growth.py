"""What a flow misses, and the layers that it takes in."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor

from .base import EXACT, MODEL, OTHER, figure


def residual_and_layers(
    x: Tensor,
    r: Tensor,
    w: Tensor,
    b: Tensor,
    shares: Mapping[int, float],
    limit: float = 3.0,
    scale: float = 1.0,
) -> Figure:
    """A residual field in the plane, the layers inserted so far, and what each has left of it.

    `x` and `r` have shape (n, 2); only points with |x_i| < `limit` are drawn, `scale` is the length
    of r that is drawn as 1. A layer tanh(w·x + b) bends space along the line w·x + b = 0: `w` is
    (k, 2), `b` (k,). `shares` are δ̂/E|v|² by the number of layers; that of k is marked.
    """
    fig, (left, right) = figure(2, width=3.9, height=3.6)
    inside = (x.abs() < limit).all(1)
    look = {"angles": "xy", "scale_units": "xy", "scale": scale, "width": 0.006}
    left.quiver(*x[inside].T, *r[inside].T, color=MODEL, **look)
    for normal, bias in zip(w, b, strict=True):
        x1, x2 = (-bias * normal / normal.square().sum()).tolist()  # the foot of the normal
        w1, w2 = normal.tolist()
        left.axline((x1, x2), (x1 - w2, x2 + w1), color=EXACT, lw=1.2)
    left.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="$x_1$", ylabel="$x_2$")
    left.set(title=rf"$v-J\xi$ with {len(b)} layer{'s' * (len(b) != 1)}")
    left.set_aspect("equal")
    right.plot(list(shares), list(shares.values()), "o-", ms=4, color=OTHER)
    right.plot([len(b)], [shares[len(b)]], "o", ms=8, color=EXACT)
    right.set(yscale="log", xlabel="layers", title=r"$\hat\delta\,/\,E|v|^2$")
    return fig
