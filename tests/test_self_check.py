"""Tests of answers accept what is right, explain what is wrong, and cannot be talked round."""

import math

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from pwgf_core.self_check import AnswerError, by_hand, call, compare, confirm, names_used


@pytest.mark.parametrize("found", [2, 2.0, np.float64(2), np.array(2.0), torch.tensor(2.0)])
def test_numbers_of_any_kind(found: object) -> None:
    compare("two", found, 2)
    compare("two", found, torch.tensor(2.0))


def test_the_tolerance_is_relative_for_large_values_only() -> None:
    """tolerance · max(1, max|expected|)."""
    compare("large", 1000.9, 1000.0, 1e-3)
    compare("small", 0.0009, 0.0, 1e-3)
    with pytest.raises(AnswerError):
        compare("large", 1001.1, 1000.0, 1e-3)
    with pytest.raises(AnswerError):
        compare("small", 0.0011, 0.0, 1e-3)


@pytest.mark.parametrize("found", [math.nan, math.inf, -math.inf])
def test_not_a_number_is_wrong(found: float) -> None:
    with pytest.raises(AnswerError, match=f"found: {found}"):
        compare("one", found, 1.0)


def test_shapes_are_named() -> None:
    with pytest.raises(AnswerError, match=r"expected: shape \(2,\)\n  found: shape \(2, 1\)"):
        compare("a vector", torch.ones(2, 1), torch.ones(2))


def test_an_empty_answer_is_not_right() -> None:
    with pytest.raises(AnswerError, match="shape"):
        compare("two numbers", torch.ones(0), torch.ones(2))


def test_a_missing_return_is_named() -> None:
    with pytest.raises(AnswerError, match="does the function return"):
        compare("one", None, 1.0)


class Agreeable(torch.Tensor):
    """Whatever is asked, the answer is yes."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        return True


class Equal(float):
    def __sub__(self, other: object) -> float:
        return 0.0


@pytest.mark.parametrize("found", [Agreeable(torch.ones(2)), Equal(7), "1", [1.0], True.__and__])
def test_other_types_are_refused(found: object) -> None:
    """A subclass could say that it equals anything."""
    for expected in (1.0, torch.ones(2)):
        with pytest.raises(AnswerError, match="a number or a tensor"):
            compare("one", found, expected)
    with pytest.raises(AnswerError):
        confirm("true", found)


def test_gradients_do_not_matter() -> None:
    compare("one", torch.ones(1, requires_grad=True), torch.ones(1))


def test_a_wrong_test_is_not_a_wrong_answer() -> None:
    with pytest.raises(ValueError, match="expected must be a number or a tensor, got str"):
        compare("one", 1.0, "1")  # type: ignore[arg-type]


def test_confirm() -> None:
    confirm("true", True)
    confirm("true", torch.tensor(True))
    for wrong in (False, torch.tensor([True, True]), torch.tensor(False), "yes", 2):
        with pytest.raises(AnswerError, match="found: false\n  hint: h\n  read: r"):
            confirm("true", wrong, hint="h", read="r")


def test_names_inside_inner_functions_and_imports_are_found() -> None:
    def outer() -> object:
        from pwgf_core import gaussian_w2 as other  # noqa: PLC0415

        return [lambda: torch.linalg.solve, other]

    assert {"gaussian_w2", "torch", "linalg", "solve"} <= names_used(outer)
    with pytest.raises(AnswerError, match="outer is to be written by hand"):
        by_hand(outer, "gaussian_w2", "eigh")
    by_hand(outer, "eigh")


def message(*comparison: object) -> list[str]:
    """The lines of the message of `compare`."""
    with pytest.raises(AnswerError) as caught:
        compare("values", *comparison)  # type: ignore[arg-type]
    return str(caught.value).split("\n  ")[1:]


def test_values_that_look_the_same_say_where_they_differ() -> None:
    assert message(1 + 1e-7, 1.0)[2] == "largest difference: 1e-07, allowed: 1e-08"
    wrong = torch.eye(20)
    wrong[7, 11] = 0.25
    assert message(wrong, torch.eye(20))[-1].startswith("largest difference: 0.25 at index [7, 11]")
    wrong[3, 4] = math.nan
    assert "nan at index [3, 4]" in message(wrong, torch.eye(20))[-1]
    assert len(message(2.0, 1.0)) == 2  # where both can be read, no more is said


def test_messages_are_short_and_without_noise() -> None:
    """No -0., no 1e-17 for zero, no points after integers, few entries."""
    assert message(torch.tensor([-0.0, 1e-17, 2.0]), torch.ones(3))[1] == "found: [0., 0., 2.]"
    shape = torch.tensor([40, 3, 9])
    assert message(torch.tensor([40, 3, 6]), shape)[:2] == [
        "expected: [40,  3,  9]",
        "found: [40,  3,  6]",
    ]
    for size in ((100,), (30, 30), (5, 6, 7)):
        expected, found, _ = "\n".join(message(torch.ones(size), torch.zeros(size))).split(": ", 2)
        assert "..." in expected + found
        assert found.count("0.") <= 9
    for shape in ((3, 3), (1, 2, 5), (4, 2, 1)):
        shown = "".join(message(torch.ones(shape), torch.zeros(shape)))
        assert "..." not in shown
        assert "\n    \n" not in shown  # numpy leaves lines between blocks


def test_an_error_of_the_answer_is_explained() -> None:
    def solve(A: torch.Tensor) -> torch.Tensor:
        return torch.linalg.inv(A)

    assert call(solve, torch.eye(2)).equal(torch.eye(2))
    with pytest.raises(AnswerError) as caught:
        call(solve, torch.zeros(2, 2), hint="A may be singular", read="a chapter")
    first, line, *rest = str(caught.value).split("\n  ")
    assert first.startswith("solve raised LinAlgError: ")
    assert line.endswith("return torch.linalg.inv(A)")
    assert rest == ["hint: A may be singular", "read: a chapter"]


def test_the_message_of_a_failed_test_of_the_answer_is_kept() -> None:
    """An answer that calls another one through `call` is not reported twice."""
    with pytest.raises(AnswerError, match=r"^two\n"):
        call(compare, "two", 1.0, 2.0)


def test_ipython_shows_the_message_only(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    shell.run_cell("from pwgf_core.self_check import compare\ncompare('two', 1, 2, hint='h')")
    assert capsys.readouterr().out.strip().splitlines() == [
        "AnswerError: two",
        "  expected: 2",
        "  found: 1",
        "  hint: h",
    ]
