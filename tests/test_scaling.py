"""The model of products on several processes: limits, monotonicity, and its picture."""

from __future__ import annotations

import numpy as np
import pytest

from pwgf_core import Machine, plots

MACHINE = Machine(rate=1e10, latency=2e-6, transfer=1e-9)


def test_one_process_does_the_operations_and_sends_nothing() -> None:
    # (12·120·30 + 4·120²)·1000 operations
    assert MACHINE.all_reduce(7320, 1) == 0
    assert MACHINE.product(30, 120, 1000, 1) == pytest.approx(100_800_000 / 1e10, rel=1e-14)


def test_a_sum_takes_log_p_messages_each_way() -> None:
    # two processes: one message each way, half of the numbers in each
    assert MACHINE.all_reduce(1000, 2) == pytest.approx(2 * 2e-6 + 1000 * 1e-9, rel=1e-14)
    assert MACHINE.all_reduce(1000, 1024) == pytest.approx(
        20 * 2e-6 + 2 * 1000 * 1e-9 * 1023 / 1024, rel=1e-14
    )


def test_nothing_scales_beyond_its_number_of_processes() -> None:
    for p in (2, 16, 1024):
        assert 1 < MACHINE.speed_up(30, 120, 2**20, p) < p
        assert 0 < MACHINE.efficiency(30, 120, 1000, p) < 1
    # a larger sample scales better
    few, many = (MACHINE.speed_up(30, 120, n, 256) for n in (1000, 100_000))
    assert few < many


def test_work_and_bandwidth_balance_where_the_page_says() -> None:
    """N/P = 2βr(2d + 1)/(12d + 4K), at most βr/2."""
    silent = Machine(1e10, 1e-30, 1e-9)
    for d, k in ((1, 1), (30, 120), (10, 80)):
        n = 2 * 1e-9 * 1e10 * (2 * d + 1) / (12 * d + 4 * k)
        assert n <= 1e-9 * 1e10 / 2
        sent = silent.all_reduce((2 * d + 1) * k, 2**30)
        assert silent.compute(d, k, n) == pytest.approx(sent, rel=1e-8)


@pytest.mark.parametrize("name", ["rate", "latency", "transfer"])
def test_bad_machines_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be"):
        Machine(**({"rate": 1.0, "latency": 1.0, "transfer": 1.0} | {name: 0.0}))
    with pytest.raises(ValueError, match="processes must be"):
        MACHINE.all_reduce(10, 0)


def test_the_picture_draws_each_sample_up_to_a_point_a_process() -> None:
    fig = plots.scaling(MACHINE, 30, 120, [8, 1024], [10], [1, 4, 16, 64], {1: 1.0, 2: 1.9})
    left, right = fig.axes
    assert [np.size(line.get_xdata()) for line in left.lines] == [2, 4, 4, 2]
    assert [np.size(line.get_xdata()) for line in right.lines] == [4]
