"""Real processes: torchrun starts them, gloo carries their sums, and one of them is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pwgf_core import Trajectory

DRIVER = Path(__file__).with_name("torchrun_driver.py")
ROOT = DRIVER.parents[1]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
RUN = ["-m", "pwgf_core", "run", "ornstein_uhlenbeck_10d", "--quiet", "--dtype", "float64"]
RUN += ["--transform", "affine", "--samples", "401", "--record", "4"]


def torchrun(size: int) -> list[str]:
    one_machine = ["--standalone", f"--nproc-per-node={size}"]
    return [sys.executable, "-m", "torch.distributed.run", *one_machine]


def call(command: list[str], timeout: float = 280) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        check=False,
        env=ENVIRONMENT,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return done


def rows(folder: Path, steps: int, *names: str, size: int = 2) -> dict[str, Any]:
    call([*torchrun(size), str(DRIVER), str(folder / "rows.json"), str(steps), *names])
    found = json.loads((folder / "rows.json").read_text())
    assert found.pop("processes") == size
    return found


def assert_equal_sums(row: dict[str, Any]) -> None:
    # another order of the sum over the sample, relative to the norm of the result
    assert set(row["sums"]) >= {"energy", "right-hand side", "gradient", "product"}
    assert all(gap <= 1e-12 for gap in row["sums"].values()), row["sums"]


def test_two_processes_against_one(tmp_path: Path) -> None:
    """Parts of unequal size: the driver draws one point more than the problem does."""
    found = rows(tmp_path, 3, "aggregation_2d", "porous_medium_2d")
    for row in found.values():
        assert_equal_sums(row)
        assert row["iterations"][0] == row["iterations"][1]
    # an affine map in a regular metric: the rounding of the sums
    assert found["porous_medium_2d"]["theta"] < 1e-12
    # eigenvalues down to 1e-9 of the largest amplify it; the map moves by less than θ
    assert found["aggregation_2d"]["theta"] < 1e-6
    assert found["aggregation_2d"]["map"] < 1e-7


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "theta"),
    [
        ("ornstein_uhlenbeck_10d", 1e-8),
        ("styblinski_tang_30d", 1e-8),
        # its dense solve keeps eigenvalues down to 1e-9 of the largest: along these the rounding
        # of the sums, 1e-14, may move θ by 1e-5 of ξ; the map T_θ hardly sees it
        ("aggregation_2d", 1e-6),
        ("porous_medium_2d", 1e-8),
    ],
)
def test_twenty_steps_of_the_examples(name: str, theta: float, tmp_path: Path) -> None:
    row = rows(tmp_path, 20, name)[name]
    assert_equal_sums(row)
    one, two = row["iterations"]
    # a solve that stops at the edge of its tolerance, 5e-4, may take one iteration more or less
    same = one == two
    assert row["theta"] < (theta if same else 1e-3)
    assert row["map"] < (1e-8 if same else 1e-3)
    assert max(abs(i - j) for i, j in zip(one, two, strict=True)) <= 2


@pytest.mark.slow
def test_files_are_those_of_one_process(tmp_path: Path) -> None:
    call([sys.executable, *RUN, "--h", "0.1", "--out", str(tmp_path / "one")])
    call([*torchrun(3), *RUN, "--h", "0.1", "--out", str(tmp_path / "three")])
    one, three = (json.loads((tmp_path / n / "metrics.json").read_text()) for n in ("one", "three"))
    assert one.pop("seconds") > 0
    assert three.pop("seconds") > 0
    for name in ("energy", "errors"):
        a, b = one.pop(name), three.pop(name)
        a, b = ({name: a}, {name: b}) if name == "energy" else (a, b)
        for key, values in a.items():
            # an affine map in a regular metric; the root of the Bures distance halves the digits
            assert b[key] == pytest.approx(values, rel=1e-6, abs=1e-7)
    assert one == three  # settings, times, steps, status: nothing tells how many there were


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_leaves_a_run_that_any_number_resumes(victim: int, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = [*RUN, "--h", "0.01", "--checkpoint-every", "5"]
    call([sys.executable, *options, "--out", str(whole)])
    file = broken / "run.safetensors"
    command = [*torchrun(2), *options, "--out", str(broken), "--timeout", "60"]
    job = subprocess.Popen(command, env=ENVIRONMENT, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 200
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(worker(job.pid, victim), signal.SIGKILL)
    _, said = job.communicate(timeout=200)
    assert job.returncode != 0
    assert "SIGKILL" in said  # torchrun names the process that was lost
    stopped = Trajectory.load(file)
    steps = Trajectory.load(whole / "run.safetensors").state.step
    assert 0 < stopped.state.step < steps
    if victim == 1:
        assert stopped.status == "interrupted"
        assert "another process was lost" in stopped.message
    kept = file.read_bytes()
    for start in ([sys.executable], torchrun(2)):
        file.write_bytes(kept)
        call([*start, *options, "--out", str(broken), "--resume"])
        resumed = Trajectory.load(file)
        assert (resumed.status, resumed.state.step) == ("completed", steps)
        expected = Trajectory.load(whole / "run.safetensors").state.theta
        # a regular metric: rounding does not grow
        assert float((resumed.state.theta - expected).norm() / expected.norm()) < 1e-10


def worker(torchrun_pid: int, rank: int) -> int:
    """The process id of that rank, by its environment."""
    children = Path(f"/proc/{torchrun_pid}/task/{torchrun_pid}/children").read_text().split()
    for pid in children:
        if f"\0RANK={rank}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes():
            return int(pid)
    raise AssertionError(f"no process of rank {rank} among {children}")
