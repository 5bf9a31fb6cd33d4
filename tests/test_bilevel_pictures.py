"""Figures of the chapter on the bi-level scheme, without a browser."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from pwgf_core import plots

SIZES, P, MU = [0.01, 0.1, 1.0, 10.0], 4.0, 1.0


@pytest.mark.parametrize("h", [0.02, 0.3, 5.0])
def test_the_marked_step_is_the_lowest_point(h: float) -> None:
    left = plots.proximal_landscape((-2.0, 2.0), h, SIZES, P, MU).axes[0]
    marks = {line.get_label(): np.array(line.get_xydata())[0] for line in left.lines}
    b, a = marks["step"]

    def objective(b: float, a: float) -> float:
        distance = (b + 2) ** 2 + (a - 2) ** 2
        return distance / (2 * h) + 0.5 * P * ((b - MU) ** 2 + a * a) - np.log(a)

    around = [(b + s, a + t) for s, t in ((1e-3, 0), (-1e-3, 0), (0, 1e-3), (0, -1e-3))]
    assert all(objective(b, a) < objective(*point) for point in around)
    assert tuple(marks["start"]) == (-2.0, 2.0)
    assert tuple(marks["minimum of F"]) == (MU, P**-0.5)


def test_densities_have_mass_one_and_the_curve_joins_start_and_minimum() -> None:
    left, right = plots.proximal_landscape((-2.0, 2.0), 0.3, SIZES, P, MU).axes
    curve = np.array(left.lines[0].get_xydata())
    assert curve[0] == pytest.approx([-2.0, 2.0])
    assert curve[-1] == pytest.approx([MU, P**-0.5])
    assert bool((np.diff(curve[:, 0]) > 0).all())  # no step goes beyond the minimum
    for line in right.lines[1:]:  # the start has its tails outside the picture
        x, y = np.array(line.get_xydata()).T
        assert float(np.trapezoid(y, x)) == pytest.approx(1.0, abs=1e-2)
    assert not plt.get_fignums()


def test_displacements_share_their_axes() -> None:
    x = torch.tensor([[1.0, 0.0], [0.0, -2.0]])
    fig = plots.displacement(x, {"first": x, "second": -x})
    assert [axis.get_title() for axis in fig.axes] == ["first", "second"]
    assert fig.axes[0].get_xlim() == fig.axes[1].get_ylim() == pytest.approx((-2.1, 2.1))


def test_errors_are_drawn_with_slope_and_floor() -> None:
    h = [0.1, 0.05]
    fig = plots.step_errors(h, {"a": [0.02, 0.01], "b": [0.3, 0.2]}, 0.09, "floor")
    labels = [line.get_label() for line in fig.axes[0].lines]
    assert labels == ["a", "b", "slope 1", "floor"]
    slope = np.array(fig.axes[0].lines[2].get_ydata())
    assert slope[0] / slope[1] == pytest.approx(2.0)
    assert fig.axes[0].get_xscale() == "log"
