"""Shared by all tests."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

# The tensors of the tests are small: a second thread costs time, and rounding then depends on
# the machine.
torch.set_num_threads(1)


@pytest.fixture
def generator() -> Generator:
    """A fresh generator with a fixed seed for each test."""
    return Generator().manual_seed(20240229)
