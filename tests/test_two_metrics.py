"""Figures of the chapter on the two metrics, and flows in other parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cases import normal, relative_gap
from matplotlib.colors import to_hex
from matplotlib.patches import Ellipse
from matplotlib.quiver import Quiver
from torch import Generator, Tensor

from pwgf_core import Gaussian, Planar, RelaxedMetric, Reparametrised, plots


def test_both_fields_of_a_panel_have_one_scale() -> None:
    s, field = torch.diag(torch.tensor([2.0, 0.5])).double(), -torch.eye(2).double()
    fig = plots.approximations({"right": (s, field, field), "half": (s, field, field / 2)}, s)
    for axis, factor in zip(fig.axes, (1.0, 0.5), strict=True):
        exact, model = (c for c in axis.collections if isinstance(c, Quiver))
        assert np.array_equal(model.U, factor * np.asarray(exact.U))
        assert model.scale == exact.scale
        first, second = (p for p in axis.patches if isinstance(p, Ellipse))
        assert (first.width, first.height) == (second.width, second.height)


def test_the_diagram_names_four_flows() -> None:
    words = " ".join(text.get_text() for text in plots.relation_diagram().axes[0].texts)
    assert words.count("\\dot") == 4
    assert "\\preceq" in words


def test_over_fit_leaves_out_what_a_logarithm_cannot_show() -> None:
    fig = plots.overfit({50: [(0.05, 0.0), (0.5, 0.4), (1.0, 1.0)], 200: [(0.1, 0.1)]})
    drawn = [line for line in fig.axes[0].lines if line.get_marker() != "None"]
    assert [np.size(line.get_xdata()) for line in drawn] == [2, 1]
    assert len({to_hex(line.get_color()) for line in drawn}) == 2


def test_the_metric_in_other_parameters_is_congruent(generator: Generator) -> None:
    inner = Planar(2, 3)
    mix = torch.eye(inner.n_params) + 0.1 * normal(generator, inner.n_params, inner.n_params)
    start = inner.init(generator)

    def phi(eta: Tensor) -> Tensor:
        return mix @ torch.sinh(eta)

    eta = torch.asinh(torch.linalg.solve(mix, start))
    z = Gaussian(2).sample(50, generator)
    derivative = mix * torch.cosh(eta)  # Dφ
    metric = RelaxedMetric(inner.jacobian(phi(eta), z)).dense()
    other = RelaxedMetric(Reparametrised(inner, phi, eta).jacobian(eta, z)).dense()
    # rounding in a product of matrices of condition below 10
    assert relative_gap(other, derivative.T @ metric @ derivative) < 1e-12


def test_phi_must_return_parameters_of_the_inner_transform() -> None:
    with pytest.raises(ValueError, match=r"phi\(start\)"):
        Reparametrised(Planar(2, 3), lambda eta: eta, torch.zeros(2))
