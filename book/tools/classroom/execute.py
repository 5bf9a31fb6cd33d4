"""Execute a submission within limits of time, memory and output; takes the place of nbgrader's.

A cell that does not end, dies, or whose check fails loses its own points only. `runner` does the
work in another process, in an empty folder.
"""

import importlib.util
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Integer, List, Unicode

from .session import Session, SessionError

ROOT = Path(__file__).parents[3]


def kind(cell: NotebookNode) -> str:
    """How the runner treats a code cell: "check", "setup" (locked, without points) or "state"."""
    marks = cell.metadata.get("nbgrader", {})
    if marks.get("solution"):
        return "state"
    return "check" if marks.get("grade") else "setup" if marks.get("locked") else "state"


def error(name: str, text: str) -> dict[str, Any]:
    """An error output that the grader, not the cell, has written."""
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": [f"{name}: {text}"]}


def library() -> Path:
    """The folder of `pwgf_core`, found without importing it."""
    spec = importlib.util.find_spec("pwgf_core")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


class LimitedExecute(NbGraderPreprocessor):
    """Run the code cells and store their outputs; notes go to metadata.pwgf.notes."""

    cell_seconds = Integer(15, help="wall-clock time of one cell").tag(config=True)
    submission_seconds = Integer(50, help="wall-clock time of all cells").tag(config=True)
    memory_mib = Integer(2048, help="memory beyond that of the imported library").tag(config=True)
    file_mib = Integer(8, help="size of a file, and of what one cell prints").tag(config=True)
    output_characters = Integer(10_000, help="what is kept of it").tag(config=True)
    secret = List(Unicode(), help="folders that answers must not read").tag(config=True)

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Called by nbgrader."""
        folder = Path(resources["metadata"]["path"])
        course = folder.resolve().parents[2] if "nbgrader" in resources else folder
        self.execute(nb, folder, [course, ROOT, *map(Path, self.secret)])
        return nb, resources

    def execute(self, nb: NotebookNode, files: Path, secret: list[Path]) -> None:
        """Run `nb` in a copy of the other files of the folder `files`."""
        notes = nb.metadata.setdefault("pwgf", {}).setdefault("notes", [])
        with tempfile.TemporaryDirectory() as top:
            work, out = Path(top) / "work", Path(top) / "out"
            out.mkdir()
            shutil.copytree(files, work, ignore=shutil.ignore_patterns("*.ipynb", ".*"))
            with Session(work, self._settings(secret)) as session:
                end = time.monotonic() + self.submission_seconds
                for number, cell in enumerate(nb.cells):
                    if cell.cell_type == "code":
                        self._run(session, cell, out / str(number), end, notes)

    def _settings(self, secret: list[Path]) -> dict[str, Any]:
        return {
            "memory_mib": self.memory_mib,
            "file_mib": self.file_mib,
            "seconds": self.submission_seconds + self.cell_seconds,
            "secret": [str(path) for path in secret],
            "public": [str(library()), sys.prefix, sys.base_prefix],
        }

    def _run(
        self, session: Session, cell: NotebookNode, out: Path, end: float, notes: list[str]
    ) -> None:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", out.name)
        seconds = min(self.cell_seconds, end - time.monotonic())
        try:
            outputs = session.run(kind(cell), cell.source, out, seconds)
        except SessionError as trouble:
            notes.append(f"{name}: {trouble}")
            outputs = [error(type(trouble).__name__, str(trouble))]
        cell.execution_count = None
        cell.outputs = [NotebookNode(each) for each in [*self._printed(out), *outputs]]

    def _printed(self, out: Path) -> list[dict[str, Any]]:
        """What the cell printed, as one stream: nbgrader takes stderr for a failure."""
        if not out.exists():
            return []
        with out.open("rb") as file:
            data = file.read(4 * self.output_characters)
        text = data.decode("utf-8", "replace")[: self.output_characters]
        if out.stat().st_size > len(text.encode()):
            text += "\n... cut by the grader ..."
        return [{"output_type": "stream", "name": "stdout", "text": text}] if text else []
