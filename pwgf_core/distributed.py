"""Averages E_λ[·] over a sample that may be spread over several processes.

Inside `sharded()` each process holds its own part of the sample, and every average of the package
is a sum over the part, one all-reduce and a division by the size of the whole: J, v and log ρ stay
where the points are, and θ, the products with a metric and the right-hand sides are the same
numbers in every process. Outside, and in a job of one process, nothing is communicated.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from .errors import NumericalError, check_positive

OPERATIONS = {"sum": "SUM", "max": "MAX"}


class LostProcessError(RuntimeError):
    """Another process of the job has ended, or did not answer in time."""


@dataclass(frozen=True)
class World:
    """The place of this process, `rank`, among the `size` processes of the job.

    >>> World(rank=1, size=3).shard(torch.arange(8))  # parts of 3, 3 and 2
    tensor([3, 4, 5])
    """

    rank: int = 0
    size: int = 1

    def shard(self, z: Tensor) -> Tensor:
        """The part of the rows of z that belongs to this process; parts differ by one row at most.

        Raises `ValueError` if there are fewer rows than processes.
        """
        if len(z) < self.size:
            raise ValueError(
                f"samples must be at least the number of processes, {self.size}, got {len(z)}"
            )
        return z if self.size == 1 else z.tensor_split(self.size)[self.rank]

    def reduce(self, x: Tensor, operation: str = "sum") -> Tensor:
        """The sum or the largest of x over all processes, entry by entry, in each of them.

        Raises `LostProcessError` if another one has ended.
        """
        x = x.detach().clone(memory_format=torch.contiguous_format)
        try:
            dist.all_reduce(x, getattr(dist.ReduceOp, OPERATIONS[operation]))
        except RuntimeError as error:
            raise LostProcessError("another process was lost, or did not answer in time") from error
        return x


_active: ContextVar[World | None] = ContextVar("active", default=None)
ALONE = World()


def start(timeout: float = 300.0) -> None:
    """Join the job that `torchrun` started this process for; without torchrun do nothing.

    Tensors on the CPU travel by gloo, those on a GPU by nccl, and `cuda` means the process's own
    GPU. A process that does not answer within `timeout` seconds counts as lost. A process group
    that exists already is left as it is.

    Raises `ValueError` for a timeout that is not positive.
    """
    check_positive("timeout", timeout)
    if not dist.is_available() or dist.is_initialized() or not dist.is_torchelastic_launched():
        return
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, timeout=timedelta(seconds=timeout))
    atexit.register(lambda: dist.destroy_process_group() if dist.is_initialized() else None)


def world() -> World:
    """The processes that share a sample: those of the job, or those that `sharded` was given."""
    chosen = _active.get()
    if chosen is not None:
        return chosen
    if dist.is_available() and dist.is_initialized():
        return World(dist.get_rank(), dist.get_world_size())
    return ALONE


def shard(z: Tensor) -> Tensor:
    """The rows of z that belong to this process. Raises `ValueError` if there are too few."""
    return world().shard(z)


@contextmanager
def sharded(processes: World | None = None) -> Iterator[World]:
    """Averages go over all `processes`, by default those of the job: a sample is a part of one.

    All processes have to compute the same averages in the same order. `evolve` enters this around
    each step. With `World()`, a process inside computes on its own.
    """
    processes = processes or world()
    token = _active.set(processes)
    try:
        yield processes
    finally:
        _active.reset(token)


def active() -> World:
    """The processes that averages go over at this place."""
    return _active.get() or ALONE


class _Total(torch.autograd.Function):
    """y_r = Σ_s x_s in every process r; its transpose is the same sum over the cotangents."""

    @staticmethod
    def forward(ctx, x: Tensor, processes: World) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.processes = processes  # the backward pass may run in another thread
        return processes.reduce(x)

    @staticmethod
    def backward(ctx, y: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _Total.apply(y, ctx.processes), None  # pyright: ignore[reportReturnType]


def total(x: Tensor) -> Tensor:
    """The sum of x over all processes, differentiable: one all-reduce."""
    processes = active()
    return x if processes.size == 1 else _Total.apply(x, processes)  # pyright: ignore[reportReturnType]


def expectation(total_here: Tensor, count: int) -> Tensor:
    """Average of a sample: a sum over the samples of this process, divided by their number.

    Both are summed over all processes, in one all-reduce. Every E_λ[·] of the package goes through
    this function.

    >>> float(expectation(torch.tensor([1.0, 2.0, 6.0]).sum(), 3))
    3.0
    """
    if active().size == 1:
        return total_here / count
    flat = total(torch.cat([total_here.reshape(-1), total_here.new_tensor([count])]))
    return (flat[:-1] / flat[-1]).reshape(total_here.shape)


def share(x: Tensor) -> Tensor:
    """The part of x, known to all processes, that this one adds to a `total`.

    A derivative of an average has to start from the share of its value: `total` then adds up, and
    so does the chain rule.
    """
    processes = active()
    return x if processes.size == 1 else x / processes.size


def gather(x: Tensor) -> tuple[Tensor, int]:
    """The rows of all processes, in the order of the ranks, and the place of the first own one."""
    processes = active()
    if processes.size == 1:
        return x, 0
    counts = torch.zeros(processes.size, dtype=torch.float64, device=x.device)
    counts[processes.rank] = len(x)
    sizes = [int(n) for n in processes.reduce(counts)]
    before, after = sum(sizes[: processes.rank]), sum(sizes[processes.rank + 1 :])
    rows = torch.cat([x.new_zeros(before, *x.shape[1:]), x, x.new_zeros(after, *x.shape[1:])])
    return total(rows), before


def check_agreement(name: str, x: Tensor) -> None:
    """Raise `RuntimeError`, in every process, unless x has the same bits in all of them."""
    processes = active()
    if processes.size == 1:
        return
    x = x.detach().nan_to_num().reshape(-1)
    largest, smallest = processes.reduce(torch.cat([x, -x]), "max").chunk(2)
    gap = float((largest + smallest).max())
    if gap > 0:
        raise RuntimeError(
            f"{name} differs by {gap:.3g} between the processes: an average in the energy or the "
            "transform does not go through `expectation`, or the machines are not alike"
        )


def check_finite(
    name: str, values: Tensor, advice: str = "use a smaller step h or check the input"
) -> None:
    """Raise `NumericalError` with `advice`, in all processes, unless the values (n, …) at all
    points are finite.

    >>> check_finite("x(t)", torch.tensor([[1.0, 2.0], [3.0, torch.inf]]), "take more steps")
    Traceback (most recent call last):
        ...
    pwgf_core.errors.base.NumericalError: x(t) is not finite at 1 of 2 points; take more steps
    """
    finite = torch.isfinite(torch.atleast_1d(values)).unsqueeze(-1).flatten(1).all(1)
    wrong, n = total(torch.stack([(~finite).sum(), torch.ones_like(finite).sum()])).tolist()
    if wrong:
        raise NumericalError(f"{name} is not finite at {wrong} of {n} points; {advice}")


def check_single(what: str) -> None:
    """Raise `ValueError` if several processes share the sample, which `what` cannot use."""
    size = active().size
    if size > 1:
        raise ValueError(f"{what} needs one process, got {size}")
