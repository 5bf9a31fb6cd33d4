"""constraints.txt fixes one version of everything that is installed here."""

import re
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LINES = [
    line
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
EXACT = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[0-9A-Za-z.!+-]+)")
OWN = {"pwgf-core", "pip", "setuptools", "wheel"}  # this project, and what installs it


def pins() -> dict[str, str]:
    """Version by canonical name."""
    found = (EXACT.fullmatch(line) for line in LINES)
    return {canonicalize_name(m["name"]): m["version"] for m in found if m}


def test_every_line_fixes_one_version() -> None:
    assert [line for line in LINES if not EXACT.fullmatch(line)] == []
    assert len(pins()) == len(LINES)  # no package twice
    assert [str(v) for v in map(Version, pins().values())]


def test_what_is_installed_is_what_is_pinned() -> None:
    """The public version counts: builds for other devices add +cpu or the like.

    Only the environment is searched: setuptools puts the packages that it brings along on sys.path.
    """
    fixed = pins()
    wrong = {}
    for package in distributions(path=[sysconfig.get_path("purelib")]):
        name = canonicalize_name(package.metadata["Name"])
        if name not in OWN and fixed.get(name) != Version(package.version).public:
            wrong[name] = (package.version, fixed.get(name))
    assert wrong == {}
