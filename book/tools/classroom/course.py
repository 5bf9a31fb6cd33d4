"""A course folder for nbgrader, made from the sources in book/assignments/source.

It holds source/, release/, submitted/, autograded/ and gradebook.db.
"""

import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.apps.api import NbGraderAPI
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from execute import read_source

ASSIGNMENTS = Path(__file__).parents[2] / "assignments"
SOURCES = ASSIGNMENTS / "source"
SEED = re.compile(r"^CLASS_SEED = \d+$", re.MULTILINE)


def names() -> list[str]:
    """The assignments, in the order of their numbers in the title."""
    return sorted((path.parent.name for path in SOURCES.glob("*/*.md")), key=title)


def title(name: str) -> str:
    """The first heading: "Assignment 1: ..."."""
    text = (SOURCES / name / f"{name}.md").read_text(encoding="utf-8")
    found = re.search(r"^# (Assignment \d+: .+)$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"{name}.md must have a heading '# Assignment N: ...', found none")
    return found[1]


def settings() -> Config:
    """What book/assignments/nbgrader_config.py says."""
    return PyFileConfigLoader("nbgrader_config.py", str(ASSIGNMENTS)).load_config()


def notebook(name: str, class_seed: int | None = None) -> NotebookNode:
    """The instructor's version of an assignment, with the seed of the class.

    Raises `ValueError` unless exactly one line says `CLASS_SEED = ...`.
    """
    seed = settings().Assignments.class_seed if class_seed is None else class_seed
    made = read_source(SOURCES / name / f"{name}.md")
    found = 0
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.source, here = SEED.subn(f"CLASS_SEED = {seed}", cell.source)
            found += here
    if found != 1:
        raise ValueError(f"{name}.md must have one line 'CLASS_SEED = ...', found {found}")
    made.metadata["pwgf"] = {"assignment": name}
    return made


def use_own_programs() -> None:
    """nbgrader starts `alembic` by name: put the folder of this Python first on PATH."""
    own, path = str(Path(sys.executable).parent), os.environ.get("PATH", "")
    if own not in path.split(os.pathsep):
        os.environ["PATH"] = own + os.pathsep + path


def api(course: Path, secret: list[Path] | None = None) -> NbGraderAPI:
    """nbgrader for the folder `course`."""
    use_own_programs()
    config = settings()
    config.CourseDirectory.root = str(course.resolve())
    config.LimitedExecute.secret = [str(path.resolve()) for path in secret or []]
    return NbGraderAPI(config=config)


def prepare(course: Path, wanted: list[str]) -> None:
    """Write source/ and release/ of the assignments `wanted`, and enter them in the gradebook.

    Raises `RuntimeError` with nbgrader's log if it refuses, as when questions were added after
    submissions had been graded.
    """
    course.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        folder = course / "source" / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(SOURCES / name, folder, ignore=shutil.ignore_patterns("*.md", ".*"))
        nbformat.write(notebook(name), folder / f"{name}.ipynb")
        result = api(course).generate_assignment(name)
        if not result["success"]:
            raise RuntimeError(f"nbgrader generate_assignment {name}:\n{result.get('log', '')}")


def release(course: Path, name: str) -> NotebookNode:
    """The student version of an assignment that was prepared."""
    return nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
