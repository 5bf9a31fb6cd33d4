"""The chapters execute, to the outputs that they store, in a process that has no network at all.

`unshare` closes the network: the new namespace has nothing but its own loopback interface, through
which a kernel is spoken to.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BOOK = Path(__file__).parents[2] / "book"
CHECK = BOOK / "tools" / "check_notebooks.py"
CHAPTERS = sorted(BOOK.glob("*.ipynb"))
CLOSED = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
# Only a name that has no address can be looked up without a network, so ask for an address.
REACH = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=2)"


@pytest.fixture(scope="module")
def closed() -> list[str]:
    """The words before a command that close its network."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("needs the commands unshare and ip, which this system has not")
    found = subprocess.run([*CLOSED, "true"], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"the kernel does not allow to close the network: {found.stderr.strip()}")
    return CLOSED


def test_the_network_is_closed(closed: list[str]) -> None:
    """Another host is out of reach, one's own is not: without this the tests below say nothing."""
    found = subprocess.run(
        [*closed, sys.executable, "-c", REACH], capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert "Network is unreachable" in found.stderr
    links = subprocess.run(
        [*closed, "ip", "-oneline", "link"], capture_output=True, text=True, check=True
    )
    assert [line.split(": ")[1] for line in links.stdout.splitlines()] == ["lo"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "chapter",
    [
        pytest.param(path, id=path.stem, marks=[] if path.stem == "intro" else pytest.mark.slow)
        for path in CHAPTERS
    ],
)
def test_a_chapter_gives_its_stored_outputs(chapter: Path, closed: list[str]) -> None:
    found = subprocess.run(
        [*closed, sys.executable, str(CHECK), str(chapter)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-1000:]
