"""The linear solves of the relaxed scheme: what is left of a velocity, spectra, decays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from .base import EXACT, MODEL, OTHER, figure

LOOKS = [(MODEL, "o", "-"), (EXACT, "s", "--"), (OTHER, "^", "-."), ("#CC79A7", "D", ":")]


def residual_field(
    x: Tensor,
    v: Tensor,
    fitted: Tensor,
    products: Sequence[int],
    misfits: Sequence[float],
    k: int,
    limit: float = 3.0,
) -> Figure:
    """A velocity in the plane and what a parameter velocity leaves of it after k products.

    `x`, `v` and `fitted` = Jξ_k have shape (n, 2); only points with |x_i| < `limit` are drawn. On
    the right the misfits E|Jξ_k − v|² against the numbers of `products`, k marked.
    """
    fig, (left, right) = figure(2, width=3.9, height=3.6)
    inside = (x.abs() < limit).all(1)
    p, all_of_it, missing = x[inside], v[inside], (v - fitted)[inside]
    look = {"angles": "xy", "scale_units": "xy", "scale": 8, "width": 0.007}
    left.quiver(*p.T, *all_of_it.T, color=EXACT, alpha=0.35, label="$v$", **look)
    left.quiver(*p.T, *missing.T, color=MODEL, label=r"$v-J\xi_k$", **look)
    left.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="$x_1$", ylabel="$x_2$")
    left.set(title=f"after {k} product{'s' * (k != 1)}")
    left.set_aspect("equal")
    left.legend(loc="lower left", fontsize=8)
    right.plot(products, misfits, "-", color=MODEL)
    right.plot([k], [misfits[list(products).index(k)]], "o", color=EXACT, ms=8)
    right.set(yscale="log", ylim=(min(misfits) / 2, 2 * max(misfits)))
    right.set(xlabel=r"products with $\widehat{G}$", title=r"$E|J\xi_k-v|^2$ on the sample")
    return fig


def decays(
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float] | Tensor]]],
    xlabels: Sequence[str],
    log: bool = False,
) -> Figure:
    """Positive numbers on a logarithmic axis: one panel per title, one line per name.

    A line is a pair (abscissae, values); with `log` the abscissae are logarithmic, too. `xlabels`
    has one label per panel.
    """
    fig, axes = figure(len(panels), width=4.0, height=3.2)
    for axis, xlabel, (title, lines) in zip(axes, xlabels, panels.items(), strict=True):
        for (name, (at, values)), (colour, marker, line) in zip(lines.items(), LOOKS, strict=False):
            style = {"color": colour, "marker": marker, "ls": line, "ms": 4, "label": name}
            axis.plot(at, values, **style)
        axis.set(yscale="log", xscale="log" if log else "linear", xlabel=xlabel, title=title)
        axis.legend(fontsize=8)
    return fig
