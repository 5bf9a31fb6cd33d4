"""The picture of a residual and its layers, without a browser."""

import numpy as np
import pytest
import torch
from matplotlib.quiver import Quiver

from pwgf_core import plots


def test_lines_are_where_the_layers_bend_and_arrows_are_the_residual() -> None:
    x = torch.tensor([[0.0, 1.0], [2.0, -1.0], [5.0, 0.0]])
    w, b = torch.tensor([[2.0, 0.0], [1.0, 1.0]]), torch.tensor([1.0, -1.0])
    fig = plots.residual_and_layers(x, 3 * x, w, b, {0: 1.0, 2: 0.1, 4: 0.02})
    left, right = fig.axes
    (arrows,) = (c for c in left.collections if isinstance(c, Quiver))
    assert np.array(arrows.U) == pytest.approx([0.0, 6.0])  # the third point is outside
    for line, normal, bias in zip(left.lines, w, b, strict=True):
        points = torch.tensor(np.array([line.get_xy1(), line.get_xy2()]))  # type: ignore[attr-defined]
        assert (points.float() @ normal + bias).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert np.array(right.lines[1].get_xydata()) == pytest.approx(np.array([[2, 0.1]]))
    assert left.get_title() == r"$v-J\xi$ with 2 layers"
