"""What all figures share: style, axes, ellipses, PNG."""

from __future__ import annotations

import io
import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from torch import Tensor

from ..errors import check_count, check_covariance, check_positive, check_real, check_type

# Okabe and Ito's colours: distinct for all common kinds of colour vision.
MODEL, EXACT, OTHER = "#0072B2", "#D55E00", "#009E73"

plt.switch_backend(plt.get_backend())  # loads it: a notebook then knows how to show figures


def figure(columns: int, width: float = 3.2, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    """A row of axes in the book's style.

    The figure is unknown to pyplot, whose state belongs to the main thread: it is shown only
    where it is returned, and a panel's thread may draw too.
    """
    check_count("columns", columns)
    check_positive("width", width)
    check_positive("height", height)
    size = (width * columns, height)
    fig = Figure(figsize=size, layout="constrained", dpi=90, facecolor="white")
    axes = list(fig.subplots(1, columns, squeeze=False)[0])
    for axis in axes:
        axis.set_facecolor("white")
        axis.grid(True, alpha=0.3)
        axis.spines[["right", "top"]].set_visible(False)
    return fig, axes


def ellipse(mean: Tensor, covariance: Tensor, radius: float, **style: object) -> Ellipse:
    """The ellipse (x − m)ᵀC⁻¹(x − m) = radius² of a planar Gaussian."""
    check_positive("radius", radius)
    check_real("mean", mean, (2,))
    check_covariance("covariance", covariance, 2)
    values, vectors = np.linalg.eigh(covariance.numpy())
    width, height = 2 * radius * np.sqrt(values)
    angle = math.degrees(math.atan2(vectors[1, 0], vectors[0, 0]))
    return Ellipse((float(mean[0]), float(mean[1])), width, height, angle=angle, **style)


def png(fig: Figure) -> bytes:
    """The figure as PNG, without the metadata that changes from run to run."""
    check_type("fig", fig, Figure)
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
