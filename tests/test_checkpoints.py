"""Checkpoints under attack: killed processes, a full disk, damaged files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import random
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from small_run import assert_equal, run, stop_after

from pwgf_core import Trajectory
from pwgf_core.__main__ import main

if os.name != "posix":
    pytest.skip("forks, and sends signals", allow_module_level=True)

from forked import Command, killed_at_sync, small_disk

STEPS = 40
RUN = ["run", "ornstein_uhlenbeck", "--quiet", "--layers", "4", "--samples", "500", "--h", "0.025"]
RUN += ["--t-end", "1", "--record", "4", "--checkpoint-every", "1"]


class Unbroken:
    """The run that is not killed, and how long it takes after its first step."""

    def __init__(self, folder: Path) -> None:
        command = Command([*RUN, "--out", str(folder)])
        command.wait_for(folder / "run.safetensors")
        start = time.monotonic()
        self.ended = command.wait()
        self.seconds = time.monotonic() - start
        self.folder = folder
        self.run, self.metrics = stored(folder)


def stored(folder: Path) -> tuple[Trajectory, dict]:
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics.pop("seconds") > 0
    return Trajectory.load(folder / "run.safetensors"), metrics


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    whole = Unbroken(tmp_path_factory.mktemp("unbroken"))
    assert whole.ended.code == 0, whole.ended.err
    assert whole.run.state.step == STEPS
    return whole


def assert_same_end(whole: Unbroken, folder: Path) -> None:
    assert_equal(stored(folder)[0], whole.run)
    assert stored(folder)[1] == whole.metrics


def kill_and_resume(whole: Unbroken, folder: Path, kills: int, seed: int) -> set[str]:
    """Kill that many runs at random moments after their first step; resume each to its end.

    The moments are spread over the whole run, one in each of as many equal parts. Returns how the
    stored runs stood when they were killed.
    """
    moments = random.Random(seed)
    stood = set()
    for k in range(kills):
        out = folder / str(k)
        command = Command([*RUN, "--out", str(out)])
        command.wait_for(out / "run.safetensors")
        time.sleep((k + moments.random()) / kills * whole.seconds)
        command.kill()
        command.wait()
        left = Trajectory.load(out / "run.safetensors")  # whole at any moment
        stood.add(left.status if left.state.step < STEPS else "at the end")
        again = Command([*RUN, "--out", str(out), "--resume"]).wait()
        assert again.code == 0, again.err
        assert again.err == ""
        assert_same_end(whole, out)
        assert {p.name for p in out.iterdir()} == {"run.safetensors", "metrics.json"}
    return stood


def test_killed_runs_resume_to_the_same_bits(unbroken: Unbroken, tmp_path: Path) -> None:
    assert "running" in kill_and_resume(unbroken, tmp_path, kills=5, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_killed_runs_resume_to_the_same_bits(unbroken: Unbroken, tmp_path: Path) -> None:
    assert "running" in kill_and_resume(unbroken, tmp_path, kills=50, seed=2)


@pytest.mark.parametrize(
    ("sync", "part", "step"),
    [(1, 0.5, 0), (21, 0.0, 10), (21, 0.5, 10), (21, 1.0, 10), (22, 1.0, 11)],
)
def test_a_run_killed_while_it_writes(
    sync: int, part: float, step: int, unbroken: Unbroken, tmp_path: Path
) -> None:
    """The file is synchronised, then its folder: odd numbers come before it takes its name."""
    command = Command([*RUN, "--out", str(tmp_path)], killed_at_sync(sync, part))
    assert command.wait().code == -signal.SIGKILL
    assert (tmp_path / "run.safetensors.partial").exists() == (sync % 2 == 1)
    if step:
        assert Trajectory.load(tmp_path / "run.safetensors").state.step == step
    assert Command([*RUN, "--out", str(tmp_path), "--resume"]).wait().code == 0
    assert_same_end(unbroken, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"run.safetensors", "metrics.json"}


def test_without_a_checkpoint_a_resumed_run_starts_anew(unbroken: Unbroken, tmp_path: Path) -> None:
    ended = Command([*RUN, "--out", str(tmp_path), "--resume"]).wait()
    assert ended.code == 0
    assert re.fullmatch(r"pwgf_core: there is no .* to resume: starting anew\n", ended.err)
    assert_same_end(unbroken, tmp_path)


def test_a_finished_run_returns_with_the_same_output(unbroken: Unbroken) -> None:
    before = (unbroken.folder / "run.safetensors").read_bytes()
    again = Command([*RUN, "--out", str(unbroken.folder), "--resume"]).wait()
    assert again == unbroken.ended  # with the seconds of the first time: no step was taken
    assert (unbroken.folder / "run.safetensors").read_bytes() == before


def test_replacing_an_unfinished_run_is_said(unbroken: Unbroken, tmp_path: Path) -> None:
    short = run(callback=stop_after(3))
    short.save(tmp_path / "run.safetensors")
    ended = Command([*RUN, "--out", str(tmp_path)]).wait()
    assert ended.code == 0
    assert re.match("pwgf_core: replacing the unfinished run .* at t = 0.15; --resume", ended.err)
    assert len(ended.err.splitlines()) == 1
    assert_same_end(unbroken, tmp_path)
    assert Command([*RUN, "--out", str(tmp_path)]).wait().err == ""  # a finished one


def test_a_disk_that_fills_up_keeps_the_last_checkpoint(unbroken: Unbroken, tmp_path: Path) -> None:
    largest = (unbroken.folder / "run.safetensors").stat().st_size * 2 // 3
    ended = Command([*RUN, "--out", str(tmp_path)], small_disk(largest)).wait()
    assert ended.code == 1
    assert re.fullmatch(
        "pwgf_core: error: the checkpoint .*run.safetensors could not be written: .*\n", ended.err
    )
    shown = [e.out.split("completed after")[0] for e in (ended, unbroken.ended)]
    assert shown[0] == shown[1]  # the table is that of the whole run
    left = Trajectory.load(tmp_path / "run.safetensors")
    assert left.status == "running"
    assert 0 < left.state.step < STEPS
    assert {p.name for p in tmp_path.iterdir()} == {"run.safetensors", "metrics.json"}
    assert Command([*RUN, "--out", str(tmp_path), "--resume"]).wait().code == 0
    assert_same_end(unbroken, tmp_path)


def test_a_full_disk_keeps_the_table(unbroken: Unbroken, tmp_path: Path) -> None:
    ended = Command([*RUN, "--out", str(tmp_path), "--save-samples", "9"], small_disk(50)).wait()
    assert ended.code == 1
    names = re.findall(r"([\w.]+) could not be written: ", ended.err)
    assert names == ["run.safetensors", "metrics.json", "samples.npz"]
    assert len(ended.err.splitlines()) == 3
    shown = [e.out.split("completed after")[0] for e in (ended, unbroken.ended)]
    assert shown[0] == shown[1]
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_cannot_be_written_warns_once(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.warns(RuntimeWarning, match=r"checkpoint .*run could not be written: ") as told:
        result = run(checkpoint=tmp_path / "run", checkpoint_every=1)
    assert len(told) == 1
    assert result.unsaved.startswith("the checkpoint ")
    result.unsaved = ""
    assert_equal(result, run())
    (tmp_path / "run").rmdir()
    (tmp_path / "run.partial").mkdir()
    with pytest.warns(RuntimeWarning, match="could not be written"):
        result = run(
            checkpoint=tmp_path / "run",
            checkpoint_every=8,
            callback=lambda state, _: state.step != 8 or (tmp_path / "run.partial").rmdir(),
        )
    assert result.unsaved == ""  # the last one was written
    assert_equal(Trajectory.load(tmp_path / "run"), run())


# Damaged files


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("content") / "run"
    run(callback=stop_after(6)).save(path)
    return path.read_bytes()


def regions(content: bytes) -> dict[str, range]:
    """The parts of the file: the header's length, the header, and each tensor."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    assert set(header) == {"__metadata__", "thetas", "theta", "solution"}
    parts = {"length": range(8), "header": range(8, end)}
    for name in header.keys() - {"__metadata__"}:
        first, last = header[name]["data_offsets"]
        parts[name] = range(end + first, end + last)
    assert max(part.stop for part in parts.values()) == len(content)
    return parts


def assert_refused(path: Path, damaged: bytes) -> None:
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"holds no run|is damaged") as error:
        Trajectory.load(path)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("region", ["length", "header", "thetas", "theta", "solution"])
def test_a_flipped_bit_in_any_region_is_noticed(
    region: str, content: bytes, tmp_path: Path
) -> None:
    part = regions(content)[region]
    draw = random.Random(3)
    for place in {part[0], part[-1], *draw.choices(part, k=60)}:
        damaged = bytearray(content)
        damaged[place] ^= 1 << draw.randrange(8)
        assert_refused(tmp_path / "run", bytes(damaged))


@pytest.mark.slow
def test_a_flipped_bit_in_any_byte_is_noticed(content: bytes, tmp_path: Path) -> None:
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        assert_refused(tmp_path / "run", bytes(damaged))


def test_cut_off_and_longer_files_are_refused(content: bytes, tmp_path: Path) -> None:
    for length in {*range(20), *range(20, len(content), 97), len(content) - 1}:
        assert_refused(tmp_path / "run", content[:length])
    for more in (b"\0", b"garbage", content):
        assert_refused(tmp_path / "run", content + more)
        assert_refused(tmp_path / "run", more + content)


def others(content: bytes) -> dict[str, Callable[[Path], object]]:
    """Things that are no checkpoint, and how to put them in its place."""
    reseal = resealed(content)

    def tensors(path: Path) -> None:
        save_file({"a": torch.zeros(1)}, path)

    def former(path: Path) -> None:  # what version 1 of the format held
        save_file({"theta": torch.zeros(1)}, path, {"run": json.dumps({"t": 0.0})})

    return {
        "empty": lambda path: path.write_bytes(b""),
        "folder": lambda path: path.mkdir(),
        "pickle": lambda path: path.write_bytes(pickle.dumps({"theta": [0.0]})),
        "torch.save": lambda path: torch.save({"theta": torch.zeros(3)}, path),
        "text": lambda path: path.write_text('{"theta": 0}'),
        "tensors": tensors,
        "former schema": former,
        "later schema": lambda path: path.write_bytes(reseal(schema="3")),
        "cut off": lambda path: path.write_bytes(content[:-1]),
        "flipped": lambda path: path.write_bytes(content[:-1] + bytes([content[-1] ^ 1])),
        "not finite": lambda path: path.write_bytes(reseal(theta=float("nan"))),
        "other settings": lambda path: path.write_bytes(content),
    }


def resealed(content: bytes) -> Callable[..., bytes]:
    """Files with a right checksum over a wrong content."""

    def make(schema: str | None = None, theta: float | None = None, **record: object) -> bytes:
        end = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:end])
        meta = header["__metadata__"]
        meta["schema"] = schema or meta["schema"]
        meta["run"] = json.dumps(json.loads(meta["run"]) | record)
        meta["sha256"] = "0" * 64
        data = bytearray(content[end:])
        if theta is not None:
            first = header["theta"]["data_offsets"][0]
            data[first : first + 8] = torch.tensor([theta]).double().numpy().tobytes()
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        whole = len(text).to_bytes(8, "little") + text + bytes(data)
        return whole.replace(b"0" * 64, hashlib.sha256(whole).hexdigest().encode(), 1)

    return make


def test_resealing_is_what_saving_does(content: bytes, tmp_path: Path) -> None:
    """Else the files with a wrong content were refused for their checksum."""
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "b").write_bytes(resealed(content)())
    assert_equal(Trajectory.load(tmp_path / "a"), Trajectory.load(tmp_path / "b"))


@pytest.mark.parametrize(
    "kind",
    [
        *("empty", "folder", "pickle", "torch.save", "text", "tensors", "former schema"),
        *("later schema", "cut off", "flipped", "not finite", "other settings"),
    ],
)
def test_the_command_line_refuses_in_one_line(
    kind: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.safetensors"
    others(content)[kind](path)
    before = None if path.is_dir() else path.read_bytes()
    options = [[*RUN, "--out", str(tmp_path), "--resume"]]
    options += [] if kind == "other settings" else [options[0][:-1]]  # a plain run keeps it too
    for each in options:
        assert main(each) == 2
        error = capsys.readouterr().err
        assert len(error.splitlines()) == 1
        assert error.startswith("pwgf_core: error: ")
        assert "Traceback" not in error
        assert "cannot resume" in error or "remove it to start anew" in error
    assert before is None or path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]


def test_the_message_names_the_other_schema(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(resealed(content)(schema="3"))
    with pytest.raises(ValueError, match=r"has schema 3 \(pwgf_core .*reads schema 2"):
        Trajectory.load(tmp_path / "run")


@pytest.mark.parametrize(
    "wrong",
    [
        {"times": [0.0]},
        {"times": [0.0, 0.3, 0.2]},
        {"times": [0.1, 0.2, 0.3]},
        {"times": "today"},
        {"t": -1.0},
        {"t": None},
        {"t": 1e400},
        {"step": 5},
        {"step": -1},
        {"step": 6.0},
        {"step": True},
        {"h": 0},
        {"history": {}},
        {"history": []},
        {"history": {"t": [0] * 6}},
        {"settings": 1},
        {"status": "happy"},
        {"message": None},
        {"seconds": "long"},
        {"e0": None},
        {"solution": {}},
        {"solution": {"status": "fine", "residual": 0, "iterations": 1, "largest": 1}},
        {"solution": 7},
    ],
    ids=str,
)
def test_parts_that_do_not_fit_are_refused(wrong: dict, content: bytes, tmp_path: Path) -> None:
    assert_refused(tmp_path / "run", resealed(content)(**wrong))


def mutated(content: bytes) -> st.SearchStrategy[bytes]:
    """The file after up to four changes: bytes set, cut out, put in, moved, or all that follows."""
    place = st.integers(0, len(content)) | st.integers(0, 300)  # half of them in the header
    change = st.tuples(st.sampled_from("scpme"), place, place, st.binary())

    def apply(changes: list[tuple[str, int, int, bytes]]) -> bytes:
        data = content
        for kind, a, b, some in changes:
            low, high = min(a, b), max(a, b)
            if kind == "s":
                data = data[:a] + some + data[a + len(some) :]
            elif kind == "c":
                data = data[:low] + data[high:]
            elif kind == "p":
                data = data[:a] + some + data[a:]
            elif kind == "m":
                data = data[:low] + data[high:] + data[low:high]
            else:
                data = data[:a]
        return data

    return st.lists(change, min_size=1, max_size=4).map(apply)


def assert_read_or_refused(content: bytes, path: Path, examples: int) -> None:
    path.write_bytes(content)
    right, read = Trajectory.load(path), []

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    @given(mutated(content))
    def check(damaged: bytes) -> None:
        path.write_bytes(damaged)
        read.append(damaged)
        try:
            found = Trajectory.load(path)
        except ValueError:
            assert damaged != content
        else:
            assert damaged == content
            assert_equal(found, right)

    check()
    assert len(read) >= examples
    assert sum(damaged != content for damaged in read) > 0.8 * len(read)


def test_mutated_checkpoints_are_read_or_refused(content: bytes, tmp_path: Path) -> None:
    assert_read_or_refused(content, tmp_path / "run", 300)


@pytest.mark.slow
def test_ten_thousand_mutated_checkpoints(content: bytes, tmp_path: Path) -> None:
    assert_read_or_refused(content, tmp_path / "run", 10_000)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
PARTS = ("times", "t", "step", "h", "history", "settings", "status", "seconds", "e0", "solution")


def assert_records_are_read_or_refused(content: bytes, path: Path, examples: int) -> None:
    """Any record under a right checksum gives a run or a `ValueError`."""
    make = resealed(content)

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    @given(st.dictionaries(st.sampled_from(PARTS), JSON, min_size=1))
    def check(record: dict) -> None:
        path.write_bytes(make(**record))
        with contextlib.suppress(ValueError):
            assert isinstance(Trajectory.load(path).state.step, int)

    check()


def test_any_record_is_read_or_refused(content: bytes, tmp_path: Path) -> None:
    assert_records_are_read_or_refused(content, tmp_path / "run", 200)


@pytest.mark.slow
def test_many_records_are_read_or_refused(content: bytes, tmp_path: Path) -> None:
    assert_records_are_read_or_refused(content, tmp_path / "run", 5_000)
