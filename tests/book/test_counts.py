"""Theory chapters have proofs, checks, exercises, a widget and claims, and the count is right."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from counts import LEAST, counts, main, proofs, shortfalls, theory
from execute import BOOK, WIDGET_VIEW

STATEMENT = ":::{prf:theorem} Name\n:label: a\n\nText.\n:::\n\n"
PROOF = ":::{prf:proof}\nText.\n:::\n\n"


def test_every_theory_chapter_has_enough(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out
    assert "wasserstein_metric" in capsys.readouterr().out


def test_theory_chapters_exist() -> None:
    assert theory()
    assert all((BOOK / f"{name}.ipynb").exists() for name in theory())


def test_only_statements_with_proof_count() -> None:
    lemma = STATEMENT.replace("theorem", "lemma")
    remark = STATEMENT.replace("theorem", "remark")
    assert proofs(STATEMENT + PROOF) == 1
    assert proofs(STATEMENT + lemma + PROOF) == 1
    assert proofs(STATEMENT + "Words.\n\n" + PROOF + lemma + PROOF) == 2
    assert proofs(STATEMENT + remark + PROOF) == 1
    assert proofs(PROOF + PROOF + STATEMENT) == 0


def test_counts_of_a_small_notebook() -> None:
    exercise = ":::{exercise}\n:label: one\nText.\n:::\n\n:::{exercise}\n:label: two\nText.\n:::\n"
    solution = ":::{solution} two\n:class: dropdown\nText.\n:::\n"
    table = '<table class="claims"><tr><th></th></tr><tr><td></td></tr><tr><td></td></tr></table>'
    cells = [
        new_markdown_cell(STATEMENT + PROOF + exercise + solution),
        new_code_cell('claims.check("a", 1, 1, 0)\nclaims.check("b", 1, 1, 0)'),
        new_code_cell("claims", outputs=[new_output("display_data", {"text/html": table})]),
        new_code_cell("w", outputs=[new_output("display_data", {WIDGET_VIEW: {"model_id": "0"}})]),
    ]
    found = counts(new_notebook(cells=cells))
    assert list(found.values()) == [1, 1, 1, 1, 2]
    assert len(shortfalls(found)) == 4  # one widget is enough
    assert not shortfalls(LEAST)
    assert shortfalls({**LEAST, "proofs": 2}) == ["2 proofs, at least 3 wanted"]


def test_the_script_fails_when_a_chapter_falls_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    poor = tmp_path / f"{theory()[0]}.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell(STATEMENT + PROOF)]), poor)
    monkeypatch.setattr("counts.chapters", lambda: [(poor, poor)])
    assert main() == 1
    assert f"{poor.stem}: 1 proofs, at least 3 wanted" in capsys.readouterr().out
