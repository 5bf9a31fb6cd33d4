"""The check of stored notebooks that `make test` runs, on copies of one small chapter."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from execute import execute, widget_models

CHAPTER = Path(__file__).parent / "data" / "small_chapter.md"
CHECK = Path(__file__).parents[2] / "book" / "tools" / "check_notebooks.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chapter executed twice, and once with other curves."""
    folder = tmp_path_factory.mktemp("chapter")
    execute(CHAPTER, folder / "first.ipynb")
    execute(CHAPTER, folder / "second.ipynb")
    other = folder / "other.md"
    text = CHAPTER.read_text()
    other.write_text(
        text.replace("ax.plot(x, np.exp(-x))", "ax.plot(x, np.exp(-2 * x))").replace(
            "ax.plot(x, np.exp(-t * x))", "ax.plot(x, np.exp(-2 * t * x))"
        )
    )
    execute(other, folder / "other.ipynb")
    return folder


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def frames(notebook: NotebookNode) -> list[NotebookNode]:
    """The models of the widget's pictures, in the order of the slider."""
    models = widget_models(notebook)
    (stack,) = (m for m in models.values() if m["model_name"] == "StackModel")
    return [models[child.removeprefix("IPY_MODEL_")] for child in stack["state"]["children"]]


def check(notebook: Path) -> subprocess.CompletedProcess[str]:
    """Run the check in a process of its own, as `make check-notebooks` does."""
    command = [sys.executable, str(CHECK), str(notebook)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def change_number(notebook: NotebookNode, other: NotebookNode) -> None:
    output = code(notebook)[0].outputs[0]
    assert "0.9502" in output.text
    output.text = output.text.replace("0.9502", "0.9503")


def change_picture(notebook: NotebookNode, other: NotebookNode) -> None:
    stored, wrong = code(notebook)[1].outputs[0].data, code(other)[1].outputs[0].data
    assert stored["image/png"] != wrong["image/png"]
    stored["image/png"] = wrong["image/png"]


def change_frame(notebook: NotebookNode, other: NotebookNode) -> None:
    stored, wrong = frames(notebook)[2], frames(other)[2]
    assert stored["buffers"] != wrong["buffers"]
    stored["buffers"] = wrong["buffers"]


def unexecute(notebook: NotebookNode, other: NotebookNode) -> None:
    cell = code(notebook)[1]
    cell.execution_count, cell.outputs = None, []


def test_two_executions_write_the_same_bytes(folder: Path) -> None:
    assert (folder / "first.ipynb").read_bytes() == (folder / "second.ipynb").read_bytes()


def test_what_was_executed_passes(folder: Path) -> None:
    result = check(folder / "first.ipynb")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 passed" in result.stdout


@pytest.mark.parametrize(
    ("mutate", "message"),
    [
        (change_number, "0.9503"),
        (change_picture, "cell 2: image/png: "),
        (change_frame, "(ImageModel): value: "),
        (unexecute, "cell 2 was never executed"),
    ],
)
def test_mutation_fails(
    folder: Path,
    tmp_path: Path,
    mutate: Callable[[NotebookNode, NotebookNode], None],
    message: str,
) -> None:
    """A changed number, curve, widget frame or an unexecuted cell is named and fails."""
    notebook = read(folder / "first.ipynb")
    mutate(notebook, read(folder / "other.ipynb"))
    nbformat.write(notebook, tmp_path / "mutated.ipynb")
    result = check(tmp_path / "mutated.ipynb")
    assert result.returncode == 1, result.stdout + result.stderr
    assert message in result.stdout


def test_other_source_fails(folder: Path, tmp_path: Path) -> None:
    """The stored cells must be those of the source beside the notebook."""
    (tmp_path / "src").mkdir()
    text = CHAPTER.read_text().replace("A number, a picture", "A number, one picture")
    (tmp_path / "src" / "chapter.md").write_text(text)
    nbformat.write(read(folder / "first.ipynb"), tmp_path / "chapter.ipynb")
    result = check(tmp_path / "chapter.ipynb")
    assert result.returncode == 1
    assert "cell 0 is not the one in chapter.md" in result.stdout
