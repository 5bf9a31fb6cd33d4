"""Run the cells of one submission; started by `execute` as `python -P -m classroom.runner`.

Before each cell the process that holds the state forks. A child that runs a cell of the notebook
goes on as the new state; when it dies or is killed, its parent has the state before the cell and
goes on. A child that runs a check ends with it. So no cell can spoil an earlier or a later one.

In come {"id", "kind": "state" | "setup" | "check",
"source", "out": the file for what is printed}; out go {"id", "pid"}, then {"id", "outputs"} or
{"id", "died": true}.
"""

import contextlib
import linecache
import os
import resource
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

# numba compiles by calls that are refused here; without it pwgf_core takes its plain products.
sys.modules["numba"] = None  # type: ignore[assignment]

# ruff: noqa: E402
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

import pwgf_core.self_check  # noqa: F401  # loaded before any answer, so that it can be restored
from classroom.guard import Guard
from classroom.messages import receive, send
from classroom.originals import Originals

MIB = 2**20
FINISHED, CHECKED = 77, 78  # exit status of a state that was told to end, and of a check
OWN_FILES = (__file__, InteractiveShell.run_code.__code__.co_filename)


def error_output(error: BaseException, trace: TracebackType | None) -> dict[str, Any]:
    """The notebook output of an error, without the frames of this file."""
    while trace and trace.tb_frame.f_code.co_filename in OWN_FILES:
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace, limit=-8)
    return {
        "output_type": "error",
        "ename": type(error).__name__,
        "evalue": str(error)[:1000],
        "traceback": "".join(lines)[-4000:].splitlines(),
    }


class Notebook:
    """The state of a notebook, and how cells run in it."""

    def __init__(self, originals: Originals) -> None:
        self.originals = originals
        self.setup: list[str] = []
        settings = Config(HistoryManager={"enabled": False})  # its thread would not survive a fork
        self.shell = InteractiveShell.instance(config=settings)
        self.shell.showtraceback = lambda *args, **keywords: None  # type: ignore[method-assign]
        self.shell.showsyntaxerror = lambda *args, **keywords: None  # type: ignore[method-assign]

    def run(self, source: str) -> list[dict[str, Any]]:
        """Run a cell as IPython does, and keep what it displays."""
        with capture_output(stdout=False, stderr=False) as shown:
            result = self.shell.run_cell(source, store_history=False)
        outputs = [
            {"output_type": "display_data", "data": data, "metadata": metadata or {}}
            for data, metadata in ((rich.data, rich.metadata) for rich in shown.outputs)
        ]
        error = result.error_before_exec or result.error_in_exec
        if error:
            outputs.append(error_output(error, error.__traceback__))
        return outputs

    def check(self, source: str) -> list[dict[str, Any]]:
        """Run a check with the library as it was, and the setup cells' names as they were."""
        self.originals.restore()
        space = dict(self.shell.user_ns)
        space["__builtins__"] = __builtins__
        code = [compile(text, "<setup>", "exec") for text in self.setup]
        code.append(compile(source, "<check>", "exec"))
        lines = source.splitlines(keepends=True)
        linecache.cache["<check>"] = (len(source), None, lines, "<check>")  # for tracebacks
        try:
            for part in code:
                exec(part, space)
        except BaseException as error:
            return [error_output(error, error.__traceback__)]
        return []


def redirect(path: str) -> None:
    """Send what the process prints to a file of limited size."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115


def flush() -> None:
    """Write what is buffered, as far as the file may grow."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def serve(notebook: Notebook, guard: Guard, inward: int, outward: int) -> int:
    """Run cells until told to end; the exit status."""
    while True:
        try:
            message = receive(inward)
        except EOFError:
            return FINISHED
        child = os.fork()
        if child:
            send(outward, {"id": message["id"], "pid": child})
            status = os.waitpid(child, 0)[1]
            if status == FINISHED << 8:
                return FINISHED
            if status != CHECKED << 8:
                send(outward, {"id": message["id"], "died": True})
            continue
        redirect(message["out"])
        is_check = message["kind"] == "check"
        run = notebook.check if is_check else notebook.run
        guard.armed = True
        outputs = run(message["source"])
        flush()
        guard.armed = False
        send(outward, {"id": message["id"], "outputs": outputs})
        if is_check:
            os._exit(CHECKED)
        if message["kind"] == "setup":
            notebook.setup.append(message["source"])


def limit(memory_mib: int, file_mib: int, seconds: int) -> None:
    """Set the limits of the system for this process and all that it starts."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + memory_mib * MIB
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_mib * MIB, file_mib * MIB))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def warm_up() -> None:
    """Load what torch loads at first use, which every child would do again."""
    torch.func.vmap(torch.func.jacrev(torch.sin))(torch.ones(1, 2))
    torch.func.jvp(torch.sin, (torch.ones(1),), (torch.ones(1),))


def main() -> None:
    """Read the settings from the first message, then serve."""
    inward, outward = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    settings = receive(inward)
    torch.set_num_threads(1)
    warm_up()
    limit(settings["memory_mib"], settings["file_mib"], settings["seconds"])
    guard = Guard(Path.cwd(), *([Path(p) for p in settings[k]] for k in ("secret", "public")))
    notebook = Notebook(Originals())
    send(outward, {"id": "", "ready": True})
    os._exit(serve(notebook, guard, inward, outward))


if __name__ == "__main__":
    main()
