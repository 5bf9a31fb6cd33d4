"""Processes of a job played by threads: the sums of `World` through shared memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from pwgf_core import Cloud, Jacobian
from pwgf_core.distributed import LostProcessError, World, sharded

T = TypeVar("T")


def unlock(kind: type) -> None:
    """Before Python 3.12 a `cached_property` has one lock for all objects of a class, which would
    let one thread wait for the other in a sum inside it."""
    for value in vars(kind).values():
        if isinstance(value, cached_property):
            value.__dict__["lock"] = nullcontext()
    for child in kind.__subclasses__():
        unlock(child)


class Meeting:
    """Where the threads put their numbers, and the shapes of what they have summed."""

    def __init__(self, size: int) -> None:
        self.barrier = threading.Barrier(size, timeout=60)
        self.parts: list[Tensor] = [torch.empty(0)] * size
        self.shapes: list[tuple[int, ...]] = []


@dataclass(frozen=True)
class ThreadWorld(World):
    """A `World` whose processes are threads of one process."""

    meeting: Meeting = field(default_factory=lambda: Meeting(1))

    def reduce(self, x: Tensor, operation: str = "sum") -> Tensor:
        meeting = self.meeting
        meeting.parts[self.rank] = x.detach()
        try:
            meeting.barrier.wait()
            stack = torch.stack(meeting.parts)
            if self.rank == 0:
                meeting.shapes.append(tuple(x.shape))
            meeting.barrier.wait()
        except threading.BrokenBarrierError as error:
            raise LostProcessError("another process was lost (its thread ended)") from error
        return stack.sum(0, dtype=x.dtype) if operation == "sum" else stack.amax(0)


def in_threads(size: int, work: Callable[[World], T]) -> list[T]:
    """What `work` returns in each of `size` threads that share their samples.

    An error in one thread breaks the sums of the others; the first error is raised.
    """
    unlock(Cloud)
    unlock(Jacobian)
    meeting, results = Meeting(size), {}
    errors: list[BaseException] = []

    def run(rank: int) -> None:
        try:
            with sharded(ThreadWorld(rank, size, meeting)) as world:
                results[rank] = work(world)
        except BaseException as error:  # handed to the test
            errors.append(error)
            meeting.barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[rank] for rank in range(size)]


def shapes_summed(size: int, work: Callable[[World], object]) -> list[tuple[int, ...]]:
    """The shapes of all sums over the processes that `work` asks for."""
    meetings = []

    def watched(world: World) -> None:
        assert isinstance(world, ThreadWorld)
        meetings.append(world.meeting)
        work(world)

    in_threads(size, watched)
    return meetings[0].shapes
