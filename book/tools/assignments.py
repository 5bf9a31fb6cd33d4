"""The classroom: student versions, grading by machine, marking by hand, the table of points.

Usage: `python book/tools/assignments.py release | grade FOLDER | table | formgrader`, or `make
assignments | grade | grades | formgrader`. The course folder (gradebook, graded notebooks,
grades.csv) is `--course`, by default `course` in the project.
"""

import argparse
import os
import sys
from pathlib import Path

from classroom import report
from classroom.course import ASSIGNMENTS, use_own_programs
from classroom.grade import grade
from classroom.release import write_release

ROOT = Path(__file__).parents[2]
RELEASE = ROOT / "_build" / "assignments"


def formgrader(course: Path, options: list[str]) -> None:
    """Become a JupyterLab in the course folder, with the settings of book/assignments."""
    os.environ["JUPYTER_CONFIG_PATH"] = str(ASSIGNMENTS)
    paths = [str(ASSIGNMENTS / "jupyter"), os.environ.get("JUPYTER_PATH", "")]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, paths))  # the first has templates
    use_own_programs()
    os.chdir(course)
    command = [sys.executable, "-m", "jupyterlab", f"--config={ASSIGNMENTS / 'nbgrader_config.py'}"]
    command += [f"--ServerApp.root_dir={Path.cwd()}", "--ip=127.0.0.1", *options]
    os.execv(sys.executable, command)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Release, grade and mark the assignments.")
    parser.add_argument("--course", type=Path, default=ROOT / "course", help="the course folder")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("release", help="write the student versions and their zip files")
    grading = commands.add_parser("grade", help="grade FOLDER/STUDENT/NAME.ipynb or .zip")
    grading.add_argument("folder", type=Path)
    commands.add_parser("table", help="write grades.csv from the gradebook, after marking by hand")
    forms = commands.add_parser("formgrader", help="open JupyterLab for marking by hand")
    forms.add_argument("options", nargs=argparse.REMAINDER, help="options for JupyterLab, after --")
    options = parser.parse_args()

    if options.command == "release":
        for archive in write_release(RELEASE):
            print(archive.relative_to(ROOT))
        return
    if options.command == "grade":
        try:
            table = grade(options.course, options.folder)
        except (ValueError, RuntimeError) as trouble:
            raise SystemExit(str(trouble)) from None
        failed = sum(row.state == "not graded" for row in table)
        print(f"{len(table)} rows, {failed} not graded: {options.course / 'grades.csv'}")
        return
    if not (options.course / "gradebook.db").exists():
        raise SystemExit(f"no gradebook in {options.course}: run `make grade` first")
    if options.command == "table":
        report.write(options.course / "grades.csv", report.rows(options.course))
        print(options.course / "grades.csv")
    else:
        formgrader(options.course, [text for text in options.options if text != "--"])


if __name__ == "__main__":
    main()
