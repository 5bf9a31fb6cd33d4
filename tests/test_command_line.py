"""The command line, called as a user does, with runs of a second."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pwgf_core.__main__ import main

RUN = ["run", "ornstein_uhlenbeck_10d", "--transform", "affine", "--quiet"]
SMALL = [*RUN, "--h", "0.1", "--t-end", "1", "--samples", "200", "--record", "5"]


def read(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_list_names_every_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert "ornstein_uhlenbeck_10d" in capsys.readouterr().out


def test_run_writes_metrics_and_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--out", str(tmp_path), "--save-samples", "50"]) == 0
    assert "completed after 10 steps" in capsys.readouterr().out
    metrics = read(tmp_path)
    assert set(metrics) == {
        *("problem", "scheme", "settings", "e0", "device", "seconds", "steps"),
        *("times", "energy", "errors", "status"),
    }
    assert metrics["times"] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert {len(v) for v in metrics["errors"].values()} == {len(metrics["energy"])} == {5}
    assert metrics["steps"] == 10
    assert metrics["status"] == "completed"
    assert metrics["e0"] == {"value": 0.0, "kind": "exact", "floor": 0.0}
    with np.load(tmp_path / "samples.npz") as samples:
        assert samples["x"].shape == (6, 50, 10)
        assert samples["t"].shape == (6,)


def test_twenty_times_by_default(tmp_path: Path) -> None:
    assert main([*RUN, "--h", "0.1", "--samples", "100", "--out", str(tmp_path)]) == 0
    assert read(tmp_path)["times"] == pytest.approx(np.arange(1, 21) / 10)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["run", "no_such_problem"], "no_such_problem"),
        (["run"], "NAME"),
        ([*RUN, "--h", "-1"], "h must be"),
        ([*RUN, "--h", "nan"], "h must be"),
        ([*RUN, "--h", "big"], "--h"),
        ([*RUN, "--t-end", "0"], "t_end"),
        ([*RUN, "--samples", "0"], "samples"),
        ([*RUN, "--samples", "5"], "more than 10 points"),
        ([*RUN, "--record", "0"], "record"),
        ([*RUN, "--seed", "-3"], "seed"),
        ([*RUN, "--integrator", "leapfrog"], "leapfrog"),
        ([*RUN, "--device", "abacus"], "abacus"),
        ([*RUN, "--resume"], "--out"),
        ([*RUN, "--save-samples", "10"], "--out"),
        ([*RUN, "--checkpoint-every", "0"], "checkpoint_every"),
        ([*RUN, "--no-such-option"], "--no-such-option"),
        ([*RUN, "--rotate", "1"], "--rotate is not an option of ornstein_uhlenbeck_10d"),
        ([*RUN, "--frame", "own"], "--frame is not an option of ornstein_uhlenbeck_10d"),
        ([*RUN, "--frame", "crooked"], "--frame"),
        ([*RUN, "--diffusion", "-1"], "diffusion"),
        ([*RUN, "--reference", "gaussian"], "--reference is not an option"),
        (["run", "porous_medium_2d", "--reference", "box"], "--reference"),
        ([*RUN, "--psi", "network"], "--scheme bilevel"),
        ([*RUN, "--solver", "dual", "--form", "gradient"], "velocity"),
        ([*RUN, "--scheme", "implicit", "--integrator", "rk4"], "--integrator"),
        ([*RUN, "--scheme", "bilevel", "--metric", "wasserstein"], "--metric"),
        ([*RUN, "--targets", "none.json"], "--targets"),
        (["run", "ornstein_uhlenbeck", "--targets", "none.json"], "none.json"),
        (["run", "aggregation_2d", "--transform", "planar"], "transform must be one of"),
        (["run", "ornstein_uhlenbeck_10d", "--layers", "-2"], "layers"),
        ([], "command"),
    ],
)
def test_wrong_options_give_one_line_and_exit_code_2(
    options: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(options)
    except SystemExit as stop:  # argparse's own way out
        code = stop.code
    error = capsys.readouterr().err
    assert code == 2
    assert len(error.strip().splitlines()) <= 2
    assert word in error
    assert "Traceback" not in error


def test_resume_continues_and_refuses_other_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SMALL, "--out", str(tmp_path)]) == 0
    first = read(tmp_path)
    assert main([*SMALL, "--out", str(tmp_path), "--resume"]) == 0  # nothing left to do
    assert read(tmp_path)["energy"] == first["energy"]
    assert main([*SMALL, "--samples", "300", "--out", str(tmp_path), "--resume"]) == 2
    assert "samples=200 instead of samples=300" in capsys.readouterr().err


def test_resume_goes_on_to_a_later_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--out", str(tmp_path / "part")]) == 0
    longer = [*SMALL, "--t-end", "2", "--record", "10"]
    assert main([*longer, "--out", str(tmp_path / "part"), "--resume"]) == 0
    assert main([*longer, "--out", str(tmp_path / "whole")]) == 0
    part, whole = read(tmp_path / "part"), read(tmp_path / "whole")
    assert {**part, "seconds": 0} == {**whole, "seconds": 0}


def test_a_folder_that_cannot_be_made_is_refused_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main([*RUN, "--h", "1e-6", "--out", str(tmp_path / "file")]) == 2  # a run of days
    assert "file" in capsys.readouterr().err


def test_unfinished_solves_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    network = ["run", "ornstein_uhlenbeck", "--quiet", "--scheme", "bilevel", "--psi", "network"]
    assert main([*network, "--h", "0.1", "--t-end", "0.1", "--samples", "50", "--record", "1"]) == 0
    assert "1 of the steps ended with max_iterations" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options",
    [
        ["--scheme", "implicit"],
        ["--scheme", "linearly-implicit"],
        ["--scheme", "linearly-implicit", "--solver", "dense", "--metric", "wasserstein"],
        ["--scheme", "bilevel"],
        ["--scheme", "bilevel", "--psi", "network"],
        ["--metric", "wasserstein"],
        ["--solver", "dual"],
        ["--integrator", "adaptive"],
        ["--integrator", "adaptive", "--scheme", "implicit"],
        ["--integrator", "adaptive", "--scheme", "linearly-implicit", "--solver", "dense"],
        ["--integrator", "adaptive", "--scheme", "bilevel"],
    ],
)
def test_every_scheme_from_the_command_line(options: list[str], tmp_path: Path) -> None:
    run = ["run", "ornstein_uhlenbeck", "--quiet", "--transform", "affine", "--samples", "200"]
    run += ["--h", "0.1", "--t-end", "0.2", "--record", "2", "--out", str(tmp_path)]
    assert main([*run, *options]) == 0
    assert max(read(tmp_path)["errors"]["bures_w2"]) < 0.2  # of 0.7 to go; Adam is the slowest


def test_fitted_initial_data_are_measured_and_resumed(tmp_path: Path) -> None:
    run = ["run", "porous_medium_2d", "--reference", "gaussian", "--layers", "2", "--quiet"]
    run += ["--t-end", "0.1", "--record", "2", "--samples", "500", "--out", str(tmp_path)]
    assert main(run) == 0
    first = read(tmp_path)
    assert first["e0"]["kind"] == "map_bound"
    assert 0 < first["e0"]["value"] < 0.1
    assert main([*run, "--resume"]) == 0
    again = read(tmp_path)
    assert (again["e0"], again["energy"]) == (first["e0"], first["energy"])


def test_targets_of_a_file(tmp_path: Path) -> None:
    case = {"dim": 1, "seed": 3, "mean": [0.5], "cov": [[0.5]]}
    case["published"] = {"peer": {"kl_train": [0.1, 0.2], "kl_target": [0.3, 0.4]}}
    file = tmp_path / "targets.json"
    file.write_text(json.dumps({"times": [0.5, 0.9], "cases": [case]}))
    run = ["run", "ornstein_uhlenbeck", "--quiet", "--samples", "500", "--targets", str(file)]
    assert main([*run, "--out", str(tmp_path)]) == 0
    (row,) = read(tmp_path)["cases"]
    assert {"dim", "seed", "symmetric_kl", "energy_distance", "seconds", "published"} <= set(row)
    assert max(row["symmetric_kl"]) < 1e-3
    assert row["published"]["peer"] == pytest.approx([0.4, 0.6])
    file.write_text('{"cases": [{"dim": 2, "mean": [0.5], "cov": [[0.5]]}]}')
    assert main(run) == 2


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_keeps_what_was_computed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pwgf_core", *RUN, "--h", "1e-4", "--samples", "200"]
    command += ["--out", str(tmp_path), "--checkpoint-every", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        limit = time.monotonic() + 60
        while not (tmp_path / "run.safetensors").exists() and time.monotonic() < limit:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in error
    metrics = read(tmp_path)
    assert metrics["status"] == "interrupted"
    assert 0 < metrics["steps"] < 20_000
    assert len(metrics["energy"]) == len(metrics["times"]) >= 1


@pytest.mark.slow
def test_ten_dimensional_planar_run_keeps_its_promise(tmp_path: Path) -> None:
    run = ["run", "ornstein_uhlenbeck_10d", "--quiet", "--h", "0.01", "--samples", "4000"]
    start = time.perf_counter()
    assert main([*run, "--t-end", "2", "--out", str(tmp_path)]) == 0
    metrics = read(tmp_path)
    assert max(metrics["errors"]["bures_w2"]) <= 0.005  # measured 0.0020
    assert len(metrics["times"]) == 20
    assert time.perf_counter() - start < 180  # three times what two cores need
