"""What could not be graded, kept in the course folder; the gradebook has no room for it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from .submissions import Submission

NAME = "failures.json"


@dataclass(frozen=True)
class Failure:
    """Why a submission has no points. `folder` is where it was handed in."""

    student: str
    assignment: str
    note: str
    folder: str


def load(course: Path) -> list[Failure]:
    """The failures of all folders that were graded."""
    path = course / NAME
    if not path.exists():
        return []
    return [Failure(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


class Failures:
    """The file while `folder` is graded: its former failures are forgotten, and found again."""

    def __init__(self, course: Path, folder: Path) -> None:
        self._path, self._folder = course / NAME, str(folder.resolve())
        self._list = [each for each in load(course) if each.folder != self._folder]
        self._save()

    def note(self, submission: Submission, trouble: str) -> None:
        """Keep what went wrong with a submission, or with "" that nothing did."""
        student, name = submission.student, submission.assignment
        if name:
            self._list = [f for f in self._list if (f.student, f.assignment) != (student, name)]
        if trouble:
            self._list.append(Failure(student, name, trouble, self._folder))
        self._save()

    def _save(self) -> None:
        text = json.dumps([asdict(each) for each in self._list], indent=1, ensure_ascii=False)
        self._path.write_text(text + "\n", encoding="utf-8")
