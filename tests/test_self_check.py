"""Tests of answers accept what is right, explain what is wrong, and cannot be talked round."""

import math

import numpy as np
import pytest
import torch

from pwgf_core.self_check import AnswerError, by_hand, compare, confirm, names_used


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
