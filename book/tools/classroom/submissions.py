"""Find what students handed in, and put their answers into a fresh copy of the assignment."""

import copy
import re
import unicodedata
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode

LARGEST = 20 * 2**20  # bytes of a notebook
STUDENT = re.compile(r"\w([\w ,.'@()-]*[\w.)])?")  # without what glob or a formula would take


@dataclass
class Submission:
    """The notebook of one student for one assignment, or why there is none."""

    student: str
    assignment: str
    notebook: NotebookNode | None = None
    notes: list[str] = field(default_factory=list)


def parse(data: bytes) -> NotebookNode:
    """A notebook of format 4 or older; `ValueError` says what is wrong with `data`."""
    if len(data) > LARGEST:
        raise ValueError(f"larger than {LARGEST // 2**20} MiB")
    try:
        found = nbformat.reads(data.decode("utf-8"), as_version=4)
        for cell in found.cells:
            _ = cell.cell_type, cell.source, cell.metadata
    except Exception as trouble:
        raise ValueError(f"not a notebook ({type(trouble).__name__})") from trouble
    return found


def unpack(archive: Path) -> list[tuple[str, bytes]]:
    """(name, content) of the notebooks in a zip file."""
    try:
        with zipfile.ZipFile(archive) as packed:
            inside = [
                entry
                for entry in packed.infolist()
                if entry.filename.endswith(".ipynb")
                and ".ipynb_checkpoints" not in entry.filename
                and "__MACOSX" not in entry.filename
            ]
            parts = []
            for entry in inside:
                with packed.open(entry) as file:
                    parts.append((PurePosixPath(entry.filename).stem, file.read(LARGEST + 1)))
            return parts
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as trouble:
        raise ValueError(
            f"not a zip file that can be opened ({type(trouble).__name__})"
        ) from trouble


def files(path: Path) -> list[tuple[str, bytes]]:
    """(name, content) of the notebooks in a file or zip file."""
    if path.suffix.lower() == ".zip":
        return unpack(path)
    with path.open("rb") as file:
        return [(path.stem, file.read(LARGEST + 1))]


def assignment_of(name: str, notebook: NotebookNode | None, known: list[str]) -> str:
    """The assignment that a notebook says it is, else the one its file is named after, else ""."""
    said = notebook.metadata.get("pwgf", {}) if notebook is not None else {}
    stated = said.get("assignment") if isinstance(said, dict) else None
    matches = [each for each in known if each == stated] or [
        each for each in known if name.startswith(each)
    ]
    return matches[0] if matches else ""


def collect(folder: Path, known: list[str]) -> list[Submission]:
    """All submissions in `folder`/STUDENT/*.ipynb and `folder`/STUDENT/*.zip.

    Of two files for one assignment the later one counts. A file for no known assignment gives a
    submission without assignment, as does a folder without a file; folders inside it are not
    searched. Raises `ValueError` if `folder` is not one, or holds no student.
    """
    if not folder.is_dir():
        raise ValueError(f"SUBMISSIONS must be a folder, got {folder}")
    students = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    if not students:
        raise ValueError(f"SUBMISSIONS must hold a folder for each student, found none in {folder}")
    found: dict[tuple[str, str], Submission] = {}
    for student in students:
        name = unicodedata.normalize("NFC", student.name)  # macOS writes ü in two characters
        for each in handed_in(name, student, known):
            key = each.student, each.assignment
            if key in found and each.assignment:
                each.notes.append("handed in twice, the later file was taken")
            elif key in found:
                each.notes = [*found[key].notes, *each.notes]
            found[key] = each
    return list(found.values())


def handed_in(student: str, folder: Path, known: list[str]) -> list[Submission]:
    """The submissions in the folder of one student, in the order of their times; at least one."""
    if not STUDENT.fullmatch(student):
        note = "the folder's name must be letters, digits, spaces and any of _ . , ' @ ( ) -"
        return [Submission(student, "", notes=[note])]
    paths = [p for p in folder.iterdir() if p.suffix.lower() in (".ipynb", ".zip") and p.is_file()]
    if not paths:
        return [Submission(student, "", notes=["no notebook or zip file in the folder"])]
    ordered = sorted(paths, key=lambda path: (path.stat().st_mtime, path.name))
    return [each for path in ordered for each in read(student, path, known)]


def read(student: str, path: Path, known: list[str]) -> list[Submission]:
    """The submissions in one file."""
    try:
        parts = files(path)
    except (OSError, ValueError) as trouble:
        name = assignment_of(path.stem, None, known)
        return [Submission(student, name, notes=[f"{path.name}: {trouble}"])]
    if not parts:
        return [Submission(student, "", notes=[f"{path.name}: no notebook in the zip file"])]
    submissions = []
    for name, data in parts:
        try:
            notebook, notes = parse(data), []
        except ValueError as trouble:
            notebook, notes = None, [f"{name}.ipynb: {trouble}"]
        assignment = assignment_of(name, notebook, known)
        if not assignment:
            notes.append(f"{name}.ipynb is none of the assignments {', '.join(known)}")
        submissions.append(Submission(student, assignment, notebook, notes))
    return submissions


def answers(notebook: NotebookNode) -> dict[str, list[str]]:
    """The contents of the cells with a grade_id, by grade_id; a cell may have been copied."""
    found: dict[str, list[str]] = {}
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader")
        if isinstance(marks, dict) and isinstance(marks.get("grade_id"), str):
            found.setdefault(marks["grade_id"], []).append(str(cell.source))
    return found


def merge(release: NotebookNode, submission: Submission) -> NotebookNode:
    """The student version with the answers of the submission, and nothing else of it."""
    merged = copy.deepcopy(release)
    notes = list(submission.notes)
    given = answers(submission.notebook) if submission.notebook is not None else None
    for cell in merged.cells:
        marks = cell.metadata.get("nbgrader", {})
        if given is None or not marks.get("solution"):
            continue
        name = marks["grade_id"]
        texts = given.get(name, [])
        changed = [text for text in texts if text != cell.source]
        if not texts:
            notes.append(f"{name}: the cell is missing")
        if len(changed) > 1:
            notes.append(f"{name}: the cell occurs {len(changed)} times, the last one was taken")
        if changed:
            cell.source = changed[-1]
    merged.metadata.setdefault("pwgf", {})["notes"] = notes
    return merged
