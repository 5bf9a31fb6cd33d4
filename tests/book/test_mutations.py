"""A chapter fails when a statement that it checks is made false: the table is in mutations.py."""

from __future__ import annotations

from collections.abc import Iterator
from pkgutil import resolve_name

import pytest
import torch
from mutations import METRIC, MUTATIONS, Mutation

from execute import BOOK, read_source
from pwgf_core.claims import ClaimError


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pictures check nothing; chapters may choose double precision for themselves only."""
    monkeypatch.chdir(BOOK)  # where notebooks run
    monkeypatch.setattr("pwgf_core.plots.png", lambda figure: b"")
    dtype = torch.get_default_dtype()
    yield
    torch.set_default_dtype(dtype)


def run(chapter: str) -> None:
    """Execute the chapter's cells here, without a kernel, until one raises."""
    names: dict[str, object] = {}
    for cell in read_source(BOOK / "src" / f"{chapter}.md").cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), names)


def case(mutation: Mutation) -> object:
    name = f"{mutation.chapter}-{mutation.target.removeprefix('pwgf_core.')}-{mutation.what}"
    return pytest.param(mutation, id=name, marks=[pytest.mark.slow] if mutation.slow else [])


def test_the_cells_pass_unmutated() -> None:
    run(METRIC)  # the other chapters' cells pass in `make check-notebooks`


@pytest.mark.filterwarnings("ignore:the run stopped:RuntimeWarning")
@pytest.mark.parametrize("mutation", map(case, MUTATIONS))
def test_a_false_statement_is_seen(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    right = resolve_name(mutation.target)
    monkeypatch.setattr(mutation.target, mutation.mutate(right))
    with pytest.raises(ClaimError):
        run(mutation.chapter)
