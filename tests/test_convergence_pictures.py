"""Figures of orders, and of errors against the dimension, without a browser."""

import numpy as np
import pytest

from pwgf_core import plots


def test_the_legend_tells_the_slope() -> None:
    h = [0.1, 0.05, 0.025]
    first = {"Euler": (h, h), "midpoint": (h, [s**2 for s in h])}
    second = {"gradient": ([100, 400], [0.2, 0.1])}
    fig = plots.convergence({"steps": first, "samples": second}, ["$h$", "$N$"], "error")
    legends = [axis.get_legend() for axis in fig.axes]
    names = [[text.get_text() for text in legend.get_texts()] for legend in legends if legend]
    assert names == [["Euler: 1.00", "midpoint: 2.00"], ["gradient: −0.50"]]
    assert [axis.get_xlabel() for axis in fig.axes] == ["$h$", "$N$"]
    assert [t.get_text() for t in fig.axes[0].get_xticklabels()] == ["0.025", "0.05", "0.1"]
    assert np.array(fig.axes[0].lines[1].get_ydata()) == pytest.approx([s**2 for s in h])
    plain = plots.convergence({"steps": first}, ["$h$"], "error", slopes=False).axes[0].get_legend()
    assert plain is not None
    assert [text.get_text() for text in plain.get_texts()] == ["Euler", "midpoint"]


def test_errors_are_joined_by_dimension() -> None:
    panels = {"Gaussians": {"ours": [(10, 0.1), (2, 0.01)], "blob": [(2, 0.3), (10, 1.0)]}}
    (axis,) = plots.error_against_dimension(panels, "error").axes
    assert np.array(axis.lines[0].get_xydata()) == pytest.approx(np.array([[2, 0.01], [10, 0.1]]))
    assert [text.get_text() for text in axis.get_xticklabels()] == ["2", "10"]
    assert axis.get_title() == "Gaussians"
    with pytest.raises(ValueError, match=r"panels must name methods among ours, .*, got 'magic'"):
        plots.error_against_dimension({"a": {"magic": [(1, 1.0)]}}, "error")


def test_dots_have_a_row_for_each_name_and_goals_in_their_rows() -> None:
    rows = {"a": {"one": 1.0, "two": 3.0}, "b": {"two": 5.0}}
    (axis,) = plots.dots(rows, "ratio", {"b": 4.0}).axes
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b"]
    assert {line.get_label(): np.array(line.get_xdata()).tolist() for line in axis.lines} == {
        "one": [1.0],
        "two": [3.0, 5.0],
        "goal": [4.0],
    }
    assert np.array(axis.lines[-1].get_ydata()).tolist() == [1]


def test_dots_refuse_what_a_logarithm_or_a_row_cannot_show() -> None:
    with pytest.raises(ValueError, match="one"):
        plots.dots({"a": {"one": 0.0}}, "ratio")
    with pytest.raises(ValueError, match=r"goals .* got 'c'"):
        plots.dots({"a": {"one": 1.0}}, "ratio", {"c": 2.0})
    with pytest.raises(ValueError, match="at most 6"):
        plots.dots({"a": {str(i): 1.0 for i in range(7)}}, "ratio")
