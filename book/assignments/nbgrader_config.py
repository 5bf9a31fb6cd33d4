"""What nbgrader is told about the assignments, by `make assignments`, `grade` and `formgrader`."""

import sys
from pathlib import Path

from nbgrader.preprocessors import CheckCellMetadata, LimitOutput, SaveAutoGrades

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tools"))
from classroom.execute import LimitedExecute  # noqa: E402

c = get_config()  # noqa: F821  # pyright: ignore[reportUndefinedVariable]

# Another number gives a class other numbers in the tests. Change it before `make assignments`,
# not between `make assignments` and `make grade`.
c.Assignments.class_seed = 1

# What the code of one submission may use.
c.LimitedExecute.cell_seconds = 15
c.LimitedExecute.submission_seconds = 50
c.LimitedExecute.memory_mib = 2048
c.LimitedExecute.file_mib = 8
c.LimitedExecute.output_characters = 10_000

c.Autograde.autograde_preprocessors = [
    LimitedExecute,
    LimitOutput,
    SaveAutoGrades,
    CheckCellMetadata,
]
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("your answer")'}
c.ClearSolutions.text_stub = "*Your answer.*"

# The formgrader's page loads this MathJax, see jupyter/nbconvert/templates/base.
c.ServerApp.extra_static_paths = [str(HERE.parent / "_static" / "vendor")]
