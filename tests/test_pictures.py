"""Figures and widgets of the book, without a browser (tests/book has the browser)."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.patches import Ellipse
from matplotlib.quiver import Quiver

from pwgf_core import gaussian_geodesic, gaussian_w2, plots, widgets

MEAN = torch.tensor([1.0, -1.0, 0.0])
COVARIANCE = torch.tensor([[2.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 3.0]])


def test_the_ellipse_is_a_level_set_of_the_gaussian() -> None:
    c = COVARIANCE[:2, :2]
    patch = plots.ellipse(MEAN[:2], c, radius=2.0)
    points = patch.get_patch_transform().transform(patch.get_path().vertices) - MEAN[:2].numpy()
    level = np.einsum("ni,ij,nj->n", points, np.linalg.inv(c.numpy()), points)
    # Bézier arcs are off a circle by 3e-4; their control points lie outside, the end points on it.
    assert level[::3] == pytest.approx(4.0, rel=1e-3)


def test_planes_draw_each_pair_and_leave_no_open_figure() -> None:
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    fig = plots.planes(x, [(0, 1), (2, 0)], MEAN, COVARIANCE, title="t = 1")
    assert [a.get_xlabel() for a in fig.axes] == ["$x_{0}$", "$x_{2}$"]
    assert all(len(a.patches) == 2 for a in fig.axes)
    assert plots.png(fig).startswith(b"\x89PNG")
    again = plots.planes(x, [(0, 1), (2, 0)], MEAN, COVARIANCE, title="t = 1")
    assert plots.png(again) == plots.png(
        plots.planes(x, [(0, 1), (2, 0)], MEAN, COVARIANCE, "t = 1")
    )
    assert not plt.get_fignums()


def test_curves_draw_vectors_and_logarithms() -> None:
    panels = {"a": {"exact": [1.0, 2.0], "model": [1.0, 2.0]}, "b": {"model": [[1, 2], [3, 4]]}}
    fig = plots.curves([0.0, 1.0], panels, log=["a"])
    assert fig.axes[0].get_yscale() == "log"
    assert len(fig.axes[1].lines) == 2


def test_linear_fields_show_the_gaussian_before_and_after() -> None:
    c, rotation = COVARIANCE[:2, :2].double(), torch.tensor([[0.0, -1.0], [1.0, 0.0]]).double()
    fig = plots.linear_fields({"a quarter": rotation, "no field": 0 * rotation}, c, np.pi / 2)
    assert [a.get_title() for a in fig.axes] == ["a quarter", "no field"]
    turned, still = ([p for p in a.patches if isinstance(p, Ellipse)] for a in fig.axes)
    # A quarter turn exchanges the axes: the angles differ by 90°, modulo 180°.
    angle = turned[1].get_angle() - turned[0].get_angle()
    assert angle % 180 == pytest.approx(90)
    assert still[1].get_angle() == pytest.approx(still[0].get_angle())
    widths = [(p.get_width(), p.get_height()) for p in (*turned, *still)]
    assert np.ptp(widths, axis=0) == pytest.approx(0, abs=1e-12)  # rounding
    assert not plt.get_fignums()


def test_gaussian_paths_show_squared_speeds() -> None:
    m, c = MEAN[:2].double(), COVARIANCE[:2, :2].double()
    ends = (m, c, -m, torch.eye(2).double())
    fig = plots.gaussian_paths({"geodesic": lambda t: gaussian_geodesic(t, *ends)}, 0.5)
    left, right = fig.axes
    assert len(left.patches) == 3  # both ends, and the path at t
    heights = right.lines[0].get_ydata()
    assert heights == pytest.approx(gaussian_w2(*ends) ** 2, rel=1e-9)  # constant speed
    assert not plt.get_fignums()


def test_a_landscape_shows_level_lines_of_the_potential() -> None:
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)).double()
    fig = plots.landscapes({"a": x, "b": x}, lambda p: (p * p).sum(1), levels=(1.0, 4.0))
    assert [a.get_title() for a in fig.axes] == ["a", "b"]
    (lines,) = (c for c in fig.axes[0].collections if hasattr(c, "get_paths"))
    radii = [np.linalg.norm(path.vertices, axis=1) for path in lines.get_paths()]
    # V = |x|² = 1 and 4, linear between grid points 0.05 apart: off by at most 0.05²/2
    assert [r.mean() for r in radii] == pytest.approx([1, 2], abs=2e-3)
    assert not plt.get_fignums()


def test_the_player_links_slider_play_and_pictures() -> None:
    box = widgets.player([b"a", b"b", b"c"])
    (play, slider), stack = box.children[0].children, box.children[1]
    assert (play.max, slider.max, len(stack.children)) == (2, 2, 3)
    assert [image.value for image in stack.children] == [b"a", b"b", b"c"]
    with pytest.raises(ValueError, match="at least one picture"):
        widgets.player([])


def test_residual_field_draws_what_is_left_and_marks_the_iterate() -> None:
    x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    fig = plots.residual_field(x, x, 0.75 * x, [0, 1, 2], [9.0, 3.0, 1.0], 1)
    field, left = (q for q in fig.axes[0].collections if isinstance(q, Quiver))
    arrows = [np.stack([np.asarray(q.U), np.asarray(q.V)]) for q in (field, left)]
    assert arrows[1] == pytest.approx(arrows[0] / 4)
    marked = fig.axes[1].lines[1]
    assert np.asarray(marked.get_xydata()) == pytest.approx(np.array([[1.0, 3.0]]))


def test_decays_are_lines_on_logarithmic_axes() -> None:
    fig = plots.decays(
        {"a": {"one": ([1, 2], [1.0, 0.1]), "two": ([1, 2], [2.0, 1.0])}}, ["k"], True
    )
    (axis,) = fig.axes
    assert (axis.get_xscale(), axis.get_yscale(), len(axis.lines)) == ("log", "log", 2)
