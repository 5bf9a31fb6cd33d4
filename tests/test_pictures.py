"""Figures and widgets of the book, without a browser (tests/book has the browser)."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.patches import Ellipse

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


def test_graphs_draw_the_model_by_markers_and_the_rest_by_lines() -> None:
    x = torch.linspace(0, 1, 5)
    panels = {"a": {"exact": (x, x), "model": (x, x)}, "b": {"exact": (x, x + 1)}}
    fig = plots.graphs(panels, limits=[None, (1.0, 3.0)], log=["b"], title="t = 1")
    left, right = fig.axes
    assert [line.get_marker() for line in left.lines] == ["None", "o"]
    assert (left.get_yscale(), right.get_yscale()) == ("linear", "log")
    assert right.get_ylim() == (1.0, 3.0)
    assert left.get_legend() is not None  # its names are others
    left, right = plots.graphs({"a": panels["b"], "b": panels["b"]}).axes
    assert left.get_legend() is None
    assert right.get_legend() is not None
    assert not plt.get_fignums()


def test_the_free_boundary_is_a_circle_of_the_last_exact_radius() -> None:
    x, radii = torch.rand(20, 2), torch.linspace(0, 1.5, 10)
    fig = plots.free_boundary(x, torch.ones(20), (radii, 2 - radii), start=1.0)
    left, right = fig.axes
    for line, radius in zip(left.lines[1:], (1.0, 1.5), strict=True):
        assert np.linalg.norm(line.get_xydata(), axis=1) == pytest.approx(radius, rel=1e-6)
    distance = right.lines[0].get_xdata()
    assert distance == pytest.approx(np.linalg.norm(x.numpy(), axis=1), rel=1e-6)
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
