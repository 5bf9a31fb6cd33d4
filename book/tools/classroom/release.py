"""Student versions and their zip files."""

import shutil
import zipfile
from pathlib import Path

from .course import names, prepare

WITH_SOLUTIONS = "not_for_students"  # source/ and release/, beside the zip files
MOMENT = (2026, 1, 1, 0, 0, 0)  # the same bytes for the same content


def pack(archive: Path, folders: list[Path]) -> None:
    """Write the files of `folders`, each under the name of its folder."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for folder in folders:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                entry = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix(), MOMENT)
                entry.external_attr = 0o644 << 16
                packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def write_release(target: Path) -> list[Path]:
    """Write `target`/NAME.zip for each assignment and `target`/assignments.zip with all of them."""
    course = target / WITH_SOLUTIONS
    shutil.rmtree(target, ignore_errors=True)
    prepare(course, names())
    folders = [course / "release" / name for name in names()]
    archives = [target / f"{folder.name}.zip" for folder in folders]
    for archive, folder in zip(archives, folders, strict=True):
        pack(archive, [folder])
    pack(target / "assignments.zip", folders)
    return [*archives, target / "assignments.zip"]
