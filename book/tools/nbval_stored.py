"""pytest plugin: what nbval's execution gives is also compared with everything that is stored.

nbval ignores pictures, widgets and cells never executed. For each notebook this plugin records
the messages of nbval's own kernel, builds the notebook they describe, and adds a last item
`stored outputs` that compares it with the stored one, and the stored cells with book/src.
"""

from collections.abc import Generator
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from nbformat import NotebookNode
from nbval.plugin import IPyNbCell, IPyNbFile

from compare import differences, source_differences
from execute import fix_environment


class RecordedNotebook(IPyNbFile):
    """nbval's notebook, which keeps what its kernel answers."""

    def collect(self) -> Generator[Any, None, None]:
        yield from super().collect()
        yield StoredOutputs.from_parent(self, name="stored outputs")

    def setup(self) -> None:
        fix_environment()
        super().setup()
        assert self.kernel is not None
        self.kernel.execute_cell_input = self.send
        self.fresh = nbformat.read(self.path, as_version=4)
        self.fresh.metadata.pop("widgets", None)
        self.code = [(i, c) for i, c in enumerate(self.fresh.cells) if c.cell_type == "code"]
        for _, cell in self.code:
            cell.outputs, cell.execution_count = [], None
        self.client = NotebookClient(self.fresh, record_timing=False, store_widget_state=True)
        self.client.reset_execution_trackers()

    def send(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        """Execute like Jupyter does: nbval keeps no history, and then IPython shows `x;` too."""
        assert self.kernel is not None
        return self.kernel.kc.execute(
            cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False
        )

    def start(self, cell_num: int) -> None:
        """Take the messages that follow as the answer to the code cell `cell_num`."""
        self.index, self.cell = self.code[cell_num]
        self.request = None
        self.client.clear_before_next_output = False

    def get_kernel_message(self, timeout: float | None = None, stream: str = "iopub") -> Any:
        message = super().get_kernel_message(timeout, stream)
        parent = message["parent_header"].get("msg_id")
        if message["msg_type"] == "execute_input":
            self.request = parent
        if parent == self.request:
            try:
                self.client.process_message(message, self.cell, self.index)
            except CellExecutionComplete:
                self.client.set_widgets_metadata()
        return message


class StoredOutputs(pytest.Item):
    """Fails with the list of what differs between the stored and the fresh notebook."""

    def runtest(self) -> None:
        notebook = self.parent
        assert isinstance(notebook, RecordedNotebook)
        # Read again: nbval changes the outputs it compared.
        stored: NotebookNode = nbformat.read(notebook.path, as_version=4)
        found = differences(stored, notebook.fresh, notebook.sanitize_patterns)
        source = notebook.path.parent / "src" / f"{notebook.path.stem}.md"
        if source.exists():
            found += source_differences(stored, source)
        if found:
            raise StoredOutputsError("\n".join(found))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, StoredOutputsError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int, str]:
        return self.path, 0, f"{self.path.name}: stored outputs"


class StoredOutputsError(AssertionError):
    """The stored notebook is not what its cells give."""


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(parent: pytest.Collector) -> Generator[None, list[Any], list[Any]]:
    """Let `RecordedNotebook` stand for every notebook that nbval collects."""
    found = yield
    return [
        RecordedNotebook.from_parent(parent, path=file.path) if type(file) is IPyNbFile else file
        for file in found
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Tell the notebook which cell runs."""
    if isinstance(item, IPyNbCell) and isinstance(item.parent, RecordedNotebook):
        item.parent.start(item.cell_num)
