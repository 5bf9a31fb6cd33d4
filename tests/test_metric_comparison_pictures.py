"""Figures of the chapter that compares the two metrics, without a browser."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import Ellipse

from pwgf_core import plots

EYE, ZERO = torch.eye(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)


def test_ellipses_and_errors_have_the_same_colour() -> None:
    laws = {"a": (ZERO, 4 * EYE), "b": (ZERO + 1, EYE)}
    errors = {"a": [0.0, 1.0, 0.5], "b": [0.0, 0.2, 0.1]}
    fig = plots.rival_laws((ZERO, EYE), laws, [0.0, 0.5, 1.0], errors, 1)
    left, right = fig.axes
    patches = [patch for patch in left.patches if isinstance(patch, Ellipse)]
    widths = [patch.get_width() for patch in patches]
    assert widths == pytest.approx([3.0, 6.0, 3.0])  # 1½ σ on both sides
    assert patches[2].get_center() == (1.0, 1.0)
    assert left.get_title() == "$t=0.50$"
    marks = [line for line in right.lines if len(np.array(line.get_xydata())) == 1]
    points = [tuple(np.array(line.get_xydata())[0]) for line in marks]
    assert points == [(0.5, 1.0), (0.5, 0.2)]
    for patch, mark in zip(patches[1:], marks, strict=True):
        assert to_hex(patch.get_edgecolor()) == to_hex(mark.get_color())
    assert not plt.get_fignums()


def test_factors_are_drawn_as_lines_and_marks() -> None:
    h = torch.linspace(0, 1, 11)
    lines = {"a": (1 - 3 * h).abs(), "b": 1 / (1 + h)}
    marks = {"a": ([0.5, 1.0], [0.5, 2.0]), "b": ([0.5], [2 / 3])}
    (axis,) = plots.mode_factors(h, lines, marks).axes
    drawn = [line for line in axis.lines if np.array(line.get_xydata()).size]
    assert [len(np.array(line.get_xydata())) for line in drawn] == [11, 2, 11, 1]
    assert np.array(drawn[1].get_ydata()) == pytest.approx([0.5, 2.0])
    assert axis.get_ylim() == pytest.approx((0, 2.4))  # a fifth above the largest mark
    legend = axis.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]
