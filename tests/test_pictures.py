"""Figures and widgets of the book, without a browser (tests/book has the browser)."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.patches import Ellipse, Rectangle

from pwgf_core import Affine, Gaussian, PushForward, gaussian_geodesic, gaussian_w2, plots, widgets

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


def test_the_bent_grid_of_an_affine_map_is_its_image() -> None:
    transform = Affine(2)
    model = PushForward(Gaussian(2), transform)
    u, b = torch.tensor([[1.0, 1.0], [0.0, 2.0]]).double(), torch.tensor([0.5, 0.0]).double()
    points = torch.tensor([[1.0, 1.0], [0.0, -1.0]]).double()
    fig = plots.bent_grid(model, transform.join(u, b), "shear", particles=points)
    left, right = fig.axes[:2]
    lines = [np.stack(line.get_data(), 1) for line in left.lines]
    assert len(lines) == 2 * 13 + 1
    assert lines[0][[0, -1]] == pytest.approx(np.array([[-5.5, -6.0], [0.5, 6.0]]))  # z_1 = −3
    assert lines[1][[0, -1]] == pytest.approx(np.array([[-5.5, -6.0], [0.5, -6.0]]))  # z_2 = −3
    assert lines[-1] == pytest.approx(np.array([[2.5, 2.0], [-0.5, -2.0]]))
    shades = right.collections[0].get_array()
    assert np.max(np.asarray(shades)) == pytest.approx(
        1 / (4 * np.pi)
    )  # the peak of N(b, UUᵀ), det U = 2
    assert not plt.get_fignums()


def test_folds_draws_maps_densities_and_samples() -> None:
    z, x = torch.linspace(-1, 1, 5), torch.linspace(0, 2, 7)
    fig = plots.folds(z, {"id": z, "twice": 2 * z}, x, {"flat": 0 * x + 0.5}, torch.rand(50), 3.0)
    left, right = fig.axes
    assert [line.get_label() for line in left.lines] == ["id", "twice"]
    assert left.lines[1].get_ydata() == pytest.approx(2 * z.numpy())
    assert (right.get_xlim(), right.get_ylim()) == ((0, 2), (0, 3))
    heights = [bar.get_height() for bar in right.patches if isinstance(bar, Rectangle)]
    assert sum(heights) * 2 / 60 == pytest.approx(1)  # a density over 60 bars
    assert not plt.get_fignums()


def test_the_player_links_slider_play_and_pictures() -> None:
    box = widgets.player([b"a", b"b", b"c"])
    (play, slider), stack = box.children[0].children, box.children[1]
    assert (play.max, slider.max, len(stack.children)) == (2, 2, 3)
    assert [image.value for image in stack.children] == [b"a", b"b", b"c"]
    with pytest.raises(ValueError, match="at least one picture"):
        widgets.player([])
