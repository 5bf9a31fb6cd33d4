"""Figures and menus of the chapter that shows the three equations."""

from __future__ import annotations

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from pwgf_core import FokkerPlanck1D, plots, widgets

FILMS = {
    "heat": {"D = 1": [b"0", b"1"], "D = 2": [b"2", b"3"]},
    "gas": {"m = 2": [b"4", b"5"]},
    "dust": [b"6", b"7"],
}


def seen(stack: ipywidgets.Stack) -> bytes:
    """The picture that a reader sees."""
    shown = stack.children[stack.selected_index]
    return seen(shown) if isinstance(shown, ipywidgets.Stack) else shown.value


def test_menus_choose_the_film_and_the_slider_moves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # the same links, followed by Python in place of the browser
    monkeypatch.setattr(ipywidgets, "jslink", ipywidgets.link)
    controls, clock, pictures = widgets.chooser(FILMS, ["equation", "parameter"], "time").children
    equation, below = controls.children
    parameters = [control.children[0] for control in below.children[:2]]
    play, slider = clock.children
    assert [menu.description for menu in (equation, *parameters)] == [
        "equation",
        "parameter",
        "parameter",
    ]
    assert seen(pictures) == b"0"
    parameters[0].index = 1
    assert seen(pictures) == b"2"
    play.value = 1
    assert (slider.value, seen(pictures)) == (1, b"3")
    equation.index = 1
    assert (below.selected_index, seen(pictures)) == (1, b"5")  # the time stays
    equation.index = 2
    assert seen(pictures) == b"7"
    slider.value, equation.index = 0, 0
    assert seen(pictures) == b"2"  # and so does the other equation's parameter


@pytest.mark.parametrize(
    ("films", "menus", "message"),
    [
        ({}, ["equation"], "choices must hold at least one entry"),
        ({"heat": {}}, ["equation", "parameter"], "choices must hold at least one entry"),
        (FILMS, ["equation"], "menus must label each menu, got no label for"),
        ({"heat": []}, ["equation"], "frames must hold at least one picture"),
        (
            {"heat": [b"0"], "gas": [b"0", b"1"]},
            ["equation"],
            r"same number of frames, got \[1, 2\]",
        ),
    ],
)
def test_the_chooser_says_what_is_wrong(
    films: widgets.frames.Choices, menus: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        widgets.chooser(films, menus)


def test_a_flow_on_the_line_with_its_energy() -> None:
    def bowl(x: torch.Tensor) -> torch.Tensor:
        return x**2 / 2 - 1

    flow = FokkerPlanck1D(bowl, lambda x: torch.exp(-4 * x**2), (-6, 6), 300, dt=0.05)
    particles = flow.quantile(torch.tensor([0.2, 0.5, 0.8]), 0.5)
    energy = [0.0, 1.0], [3.0, 1.0]
    left, right = plots.flow_on_line(flow, particles, 0.5, energy, bowl).axes
    assert left.get_title() == "t = 0.50"
    potential, dots = left.lines
    assert np.asarray(dots.get_xdata()) == pytest.approx(particles.numpy())
    # below the potential, and inside the axes
    lowest, bottom = np.min(potential.get_ydata()), np.max(dots.get_ydata())
    assert left.get_ylim()[0] < bottom < lowest
    assert np.asarray(right.lines[1].get_ydata())[0] == pytest.approx(2.0)  # between 3 and 1
    assert "F = 2.000" in right.get_title()
    assert len(plots.flow_on_line(flow, particles, 0.5, energy).axes[0].lines) == 1
    assert not plt.get_fignums()


def test_particles_in_the_plane_with_their_energy() -> None:
    points = torch.tensor([[0.0, 1.0], [-1.0, 0.5]])
    left, right = plots.flow_in_plane(points, 0.25, ([0.0, 1.0], [4.0, 0.0]), reach=1.5).axes
    assert np.asarray(left.lines[0].get_xydata()) == pytest.approx(points.numpy())
    assert left.get_xlim() == (-1.5, 1.5)
    assert np.asarray(right.lines[1].get_xydata())[0] == pytest.approx([0.25, 3.0])


def test_projections_beside_the_exact_velocity() -> None:
    z = torch.tensor([-3.0, -1.0, 1.0])
    curves = {"exact": (z, z**3), "affine": (z, 2 * z)}
    left, right = plots.projections(curves, curves, "later").axes
    assert [line.get_label() for line in left.lines] == ["exact", "affine"]
    assert left.lines[0].get_linestyle() == "-" != left.lines[1].get_linestyle()
    assert np.asarray(left.lines[1].get_ydata()).tolist() == [-2.0, 2.0]  # -3 is cut off
    assert right.get_title() == "later"
