"""The files at the root agree with each other about versions and extras.

No test here solves environment.yml; they check what it says.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENT: dict[str, Any] = yaml.safe_load((ROOT / "environment.yml").read_text())
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
PYTHON, PIP, WITH_PIP = ENVIRONMENT["dependencies"]

REQUIRED = [
    ".ci/run",
    ".github/workflows/ci.yml",
    ".github/workflows/pages.yml",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "_config.yml",
    "_toc.yml",
    "book/LICENSE",
    "constraints.txt",
    "environment.yml",
    "pyproject.toml",
]


@pytest.mark.parametrize("name", REQUIRED)
def test_root_file(name: str) -> None:
    assert (ROOT / name).stat().st_size > 0


def test_environment_keys() -> None:
    assert set(ENVIRONMENT) == {"name", "channels", "dependencies"}
    assert ENVIRONMENT["channels"] == ["conda-forge"]
    assert PIP == "pip"


def test_environment_installs_this_package_by_pip() -> None:
    assert WITH_PIP == {"pip": ["-e .[book]"]}
    assert "book" in EXTRAS


def test_python_versions_agree() -> None:
    """environment.yml, both workflows and requires-python."""
    version = PYTHON.removeprefix("python=")
    assert SpecifierSet(PROJECT["requires-python"]).contains(version)
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        assert re.findall(r'python-version: "(.*)"', workflow.read_text()) == [version]


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_direct_dependencies_are_pinned(extra: str) -> None:
    """constraints.txt gives each direct dependency one version, which the extra allows."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {
        canonicalize_name(name): version
        for name, version in (line.split("==") for line in lines if not line.startswith("#"))
    }
    for text in EXTRAS[extra] if extra else PROJECT["dependencies"]:
        requirement = Requirement(text)
        if requirement.name == PROJECT["name"]:
            assert requirement.extras <= set(EXTRAS)
        else:
            assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])
