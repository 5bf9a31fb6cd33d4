"""Execute notebooks once and compare what they give with what they store.

Usage: `python book/tools/check_notebooks.py [NOTEBOOK ...]`; without arguments, all chapters.
nbval judges the text outputs, `nbval_stored` the pictures, widgets and sources.
"""

import sys
from pathlib import Path

import pytest

from execute import BOOK, chapters

TOOLS = Path(__file__).parent


def stale(notebooks: list[Path]) -> list[str]:
    """Names that have a source and no notebook, or a notebook and no source."""
    sources = {source.stem for source, _ in chapters()}
    return sorted(sources ^ {path.stem for path in notebooks})


def main(arguments: list[str]) -> int:
    """Check the notebooks named; return pytest's exit status."""
    notebooks = [Path(name).resolve() for name in arguments] or sorted(BOOK.glob("*.ipynb"))
    if not arguments and (names := stale(notebooks)):
        print(f"not both in book/src and book/: {', '.join(names)}; run `make notebooks`")
        return 1
    return pytest.main(
        [
            "--quiet",
            "--color=no",
            "-Wignore::pytest.PytestAssertRewriteWarning",
            "--nbval",
            "--nbval-current-env",
            "--nbval-cell-timeout=600",
            "--nbval-kernel-startup-timeout=120",
            f"--nbval-sanitize-with={TOOLS / 'nbval.cfg'}",
            # not the settings of the project's own tests
            f"--config-file={TOOLS / 'nbval.cfg'}",
            f"--rootdir={notebooks[0].parent}",
            "-p",
            "nbval_stored",
            "-p",
            "no:cacheprovider",
            *map(str, notebooks),
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
