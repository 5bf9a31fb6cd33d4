"""Figures and widgets of the book, without a browser (tests/book has the browser)."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Ellipse, Rectangle
from matplotlib.quiver import Quiver

from pwgf_core import (
    Affine,
    FokkerPlanck1D,
    Gaussian,
    PushForward,
    gaussian_geodesic,
    gaussian_w2,
    plots,
    widgets,
)
from pwgf_core.problems.styblinski_tang import well

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


def test_falling_shows_particles_and_the_energy_at_the_time() -> None:
    def bowl(x: torch.Tensor) -> torch.Tensor:
        return x**2 / 2

    flow = FokkerPlanck1D(bowl, lambda x: torch.exp(-4 * x**2), (-6, 6), 300, dt=0.05)
    points = flow.quantile(torch.tensor([0.2, 0.5, 0.8]), 0.5).expand(2, 3)
    left, right = plots.falling(flow, bowl, points, [0.0, 0.5], 1).axes
    assert left.get_title() == "t = 0.50"
    arrows = next(c for c in left.collections if isinstance(c, Quiver))
    # half the velocity, which spreads the cloud
    assert np.asarray(arrows.U) == pytest.approx(flow.velocity(points[1], 0.5).numpy() / 2)
    assert np.asarray(right.lines[1].get_ydata())[0] == pytest.approx(flow.energy(0.5))
    assert not plt.get_fignums()


def test_distance_bounds_draw_both_curves() -> None:
    fig = plots.distance_bounds([0.0, 1.0], {"a": ([2.0, 1.0], [2.0, 1.5])})
    bound, distance = fig.axes[0].lines
    assert np.asarray(bound.get_ydata()).tolist() == [2.0, 1.5]
    assert np.asarray(distance.get_ydata()).tolist() == [2.0, 1.0]


def rectangles(axis: Axes) -> list[Rectangle]:
    return [p for p in axis.patches if isinstance(p, Rectangle)]


def test_interpolations_move_or_fade() -> None:
    a, b = torch.full((10,), -2.0), torch.full((10,), 2.0)
    moved, faded = plots.interpolations(a, b, 0.25).axes
    for axis, places in ((moved, [-1.0]), (faded, [-2.0, 2.0])):
        bars = [p for p in rectangles(axis) if p.get_height() > 0]
        mass = [p.get_height() * p.get_width() for p in bars]
        assert sum(mass) == pytest.approx(1)
        for bar, place in zip(bars, places, strict=True):
            assert bar.get_x() - 1e-6 <= place <= bar.get_x() + bar.get_width() + 1e-6
    left, right = (p for p in rectangles(faded) if p.get_height() > 0)
    assert left.get_height() / right.get_height() == pytest.approx(3)


def test_wells_show_samples_beside_the_exact_density() -> None:
    law = FokkerPlanck1D(well, lambda x: torch.exp(-(x**2) / 2), (-9, 9), 300, dt=5e-3)
    x = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
    left, right = plots.wells(x, law, 0.0, law.equilibrium(), (2, 0)).axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("$x_{3}$", "$x_{1}$")  # counted from 1
    assert np.array_equal(left.lines[0].get_ydata(), x[:, 0].numpy())
    area = sum(p.get_height() * p.get_width() for p in right.patches)  # type: ignore[attr-defined]
    assert area == pytest.approx(1)  # a density; no sample is beyond the picture
    snaps = plots.snapshots({0.0: x, 0.2: x, 0.3: x}, law, (0, 1))
    assert [a.get_title() for a in snaps.axes[:3]] == ["t = 0.00", "t = 0.20", "t = 0.30"]
    assert not plt.get_fignums()


def test_potential_marginals_and_sweeps() -> None:
    law = FokkerPlanck1D(well, lambda x: torch.exp(-(x**2) / 2), (-9, 9), 300, dt=5e-3)
    fig = plots.potential_2d(well)
    assert {a.name for a in fig.axes} == {"rectilinear", "3d"}
    x = law.quantile((torch.arange(60000) + 0.5) / 60000, 0.2)
    left, right = plots.marginal(x, law, 0.2, law.equilibrium(), torch.tensor([0.1, 0.3])).axes
    centres, heights = (np.asarray(a) for a in left.lines[0].get_data())
    exact = np.interp(centres, law.x.numpy(), law.density(0.2).numpy())
    assert heights == pytest.approx(exact, abs=5e-3)  # bins of width 0.15
    assert np.asarray(right.lines[1].get_ydata()) == pytest.approx(0.2)  # the mean
    (axis,) = plots.sweep({"a": [1.0, 0.1], "b": [2.0, 0.2]}, "error").axes
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b"]
    assert axis.get_xscale() == "log"
    assert not plt.get_fignums()


def test_rings_draw_samples_over_each_other_and_a_circle() -> None:
    x = torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
    panels = {"t = 0": {"model": x, "particles": x + 1}, "t = 1": {"model": x}}
    fig = plots.rings(panels, torch.tensor([1.0, 2.0]), 0.5, title="both")
    left, right = fig.axes
    assert [a.get_title() for a in fig.axes] == ["t = 0", "t = 1"]
    heights = [line.get_ydata() for line in left.lines[:2]]
    assert heights == [pytest.approx(x[:, 1].numpy()), pytest.approx(x[:, 1].numpy() + 1)]
    (circle,) = right.patches
    assert isinstance(circle, Circle)
    assert (circle.center, circle.radius) == ((1.0, 2.0), 0.5)
    assert right.get_xlim() == pytest.approx((-0.3, 2.3))
    assert not plt.get_fignums()


def test_profiles_draw_one_line_per_map() -> None:
    r = torch.linspace(0, 3, 5)
    fig = plots.profiles(r, {"t = 1": {"exact": r, "K = 16": r**2, "affine": 2 * r}})
    (axis,) = fig.axes
    assert [line.get_linestyle() for line in axis.lines] == ["-", "--", ":"]
    assert axis.lines[1].get_ydata() == pytest.approx((r**2).numpy())


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


def test_errors_are_drawn_beside_their_bounds() -> None:
    law = FokkerPlanck1D(lambda x: x**2 / 2, lambda x: torch.exp(-(x**2)), (-6, 6), 300, dt=0.05)
    lines = {"error": [0.1, 0.2], "bound": [0.2, 0.3]}
    fig = plots.error_beside_bounds(
        law, lambda x: x**2 / 2, law.density(0.0), [0.0, 1.0], lines, "λ = 1"
    )
    right, left = fig.axes
    assert left.get_title() == "λ = 1, t = 1.0"
    assert np.asarray(left.lines[0].get_ydata()).max() == pytest.approx(
        float(law.density(0.0).max())
    )
    assert [np.asarray(line.get_ydata()).tolist() for line in right.lines] == list(lines.values())
    assert right.get_yscale() == "log"
    sizes = plots.errors_by_size([0.0, 1.0], {"a": {"k = 2": ([0.1, 0.2], [0.2, 0.3])}})
    marked, dashed = sizes.axes[0].lines
    assert np.asarray(dashed.get_ydata()).tolist() == [0.2, 0.3]
    assert marked.get_color() == dashed.get_color()
    assert not plt.get_fignums()
