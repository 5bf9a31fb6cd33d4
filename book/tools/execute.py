"""Execute the chapters book/src/*.md into book/*.ipynb, with stored outputs.

Usage: `python book/tools/execute.py [--all] [CHAPTER ...]`. A chapter is executed when its source,
`pwgf_core`, `constraints.txt` or a stored result changed since its notebook was written: the
notebook keeps the SHA-256 of these files. Two executions write the same bytes.
"""

import argparse
import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "book"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
MODEL_ID = re.compile(r"[0-9a-f]{32}")

KERNEL_ENV = {
    "CUDA_VISIBLE_DEVICES": "",
    "IPYTHONDIR": str(ROOT / "_build" / "ipython"),
    "MATPLOTLIBRC": os.devnull,
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYTHONHASHSEED": "0",
    "TQDM_DISABLE": "1",
}


def fix_environment() -> None:
    """Make the kernels started from here independent of the user's own settings."""
    os.environ.update(KERNEL_ENV)
    # Two threads gain a tenth on these small sums, and stall where others use the machine, too.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    Path(KERNEL_ENV["IPYTHONDIR"]).mkdir(parents=True, exist_ok=True)


def read_source(source: Path) -> NotebookNode:
    """The notebook of a MyST text file: no outputs, cell ids made of its name and the position."""
    notebook = jupytext.read(source)
    notebook.metadata.pop("jupytext", None)
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"{source.stem}-{i:03d}"
    return notebook


def widget_models(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """The widget models stored in a notebook, by model id."""
    return notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})


def ordered_models(notebook: NotebookNode) -> list[str]:
    """Model ids in an order that does not depend on the ids.

    First the models that outputs display, each followed by the models it refers to; then the
    rest (links between widgets), sorted by content.
    """
    models = widget_models(notebook)
    order: dict[str, int] = {}

    def visit(model_id: str) -> None:
        if model_id in models and model_id not in order:
            order[model_id] = len(order)
            for child in re.findall(r"IPY_MODEL_(\w+)", json.dumps(models[model_id]["state"])):
                visit(child)

    def content(model_id: str) -> str:
        text = json.dumps([models[model_id]["model_name"], models[model_id]["state"]])
        return MODEL_ID.sub(lambda match: f"<{order.get(match[0], '?')}>", text)

    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if view := output.get("data", {}).get(WIDGET_VIEW):
                visit(view["model_id"])
    for model_id in sorted(models.keys() - order.keys(), key=content):
        visit(model_id)
    return list(order)


def merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs with the pieces of each stream joined: where a stream is cut is chance."""
    merged: list[NotebookNode] = []
    streams: dict[str, NotebookNode] = {}
    for output in outputs:
        if output.output_type == "stream" and output.name in streams:
            streams[output.name].text += output.text
            continue
        if output.output_type == "stream":
            streams[output.name] = output
        merged.append(output)
    return merged


def stabilise(notebook: NotebookNode) -> NotebookNode:
    """A copy of an executed notebook in a form that does not differ from run to run.

    Joins streams, renumbers widget models and drops the Python version.
    """
    new_ids = {
        old: hashlib.md5(str(i).encode()).hexdigest()
        for i, old in enumerate(ordered_models(notebook))
    }
    text = MODEL_ID.sub(lambda match: new_ids.get(match[0], match[0]), nbformat.writes(notebook))
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = merge_streams(cell.outputs)
    if models := widget_models(notebook):
        notebook.metadata["widgets"][WIDGET_STATE]["state"] = dict(sorted(models.items()))
    notebook.metadata.get("language_info", {}).pop("version", None)
    return notebook


def execute(source: Path, target: Path) -> None:
    """Execute one MyST file in the folder of `target` and write the notebook `target`."""
    fix_environment()
    notebook = read_source(source)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(target.parent)}},
    )
    client.execute()
    notebook = stabilise(notebook)
    notebook.metadata["pwgf"] = {"inputs": inputs_digest(source)}
    nbformat.validate(notebook)
    nbformat.write(notebook, target)


def inputs_digest(source: Path) -> str:
    """SHA-256 over the files that decide what a chapter shows."""
    package = sorted((ROOT / "pwgf_core").rglob("*.py"))
    results = sorted([*(BOOK / "results").glob("*.json"), *(BOOK / "data").glob("*.json")])
    methods = sorted((BOOK / "tools").glob("method_*.py"))  # what other_methods runs
    methods += [BOOK / "tools" / name for name in ("other_methods.py", "rivals.py")]
    digest = hashlib.sha256()
    for path in [source, ROOT / "constraints.txt", *package, *results, *methods]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_current(source: Path, target: Path) -> bool:
    """Whether `target` was executed from the present inputs."""
    if not target.exists():
        return False
    stored = nbformat.read(target, as_version=4).metadata.get("pwgf", {})
    return stored.get("inputs") == inputs_digest(source)


def chapters(names: Iterable[str] = ()) -> list[tuple[Path, Path]]:
    """(source, notebook) of the chapters named, or of all."""
    sources = {path.stem: path for path in sorted((BOOK / "src").glob("*.md"))}
    if unknown := sorted(set(names) - sources.keys()):
        raise SystemExit(f"no chapter {', '.join(unknown)}; there are: {', '.join(sources)}")
    return [(sources[name], BOOK / f"{name}.ipynb") for name in names or sources]


def main() -> None:
    """Execute what changed."""
    parser = argparse.ArgumentParser(description="Execute the chapters that changed.")
    parser.add_argument("chapter", nargs="*", help="names without ending; default: all chapters")
    parser.add_argument("--all", action="store_true", help="execute also what did not change")
    options = parser.parse_args()
    for source, target in chapters(options.chapter):
        if options.all or not is_current(source, target):
            print(f"executing {source.relative_to(ROOT)}", flush=True)
            execute(source, target)


if __name__ == "__main__":
    main()
