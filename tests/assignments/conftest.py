"""The assignments as students get them, made once for all tests."""

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from classroom import course


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course folder with all student versions, by nbgrader."""
    folder = tmp_path_factory.mktemp("course")
    course.prepare(folder, course.names())
    return folder


@pytest.fixture(params=course.names())
def name(request: pytest.FixtureRequest) -> str:
    """An assignment."""
    return str(request.param)


@pytest.fixture
def released(prepared: Path, name: str) -> NotebookNode:
    """Its student version."""
    return nbformat.read(prepared / "release" / name / f"{name}.ipynb", as_version=4)
