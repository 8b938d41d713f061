"""Methods: how the learning rate of a training is found, each in one function.

A method trains a :class:`Problem` and yields after each update that counts for the run, with how
many updates the optimizer has made by then, those of searches included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from ...schedules import Schedule, ScheduleLR
from .problem import Problem

Progress = tuple[int, Tensor]
"""Updates of the optimizer so far, and the loss of the last one."""

Notes = dict[str, Any]
"""What a method has to say about its run: plain values."""

Train = Callable[[Problem, float, Notes], Iterator[Progress]]
"""Trains a problem from a base rate."""


@dataclass(frozen=True)
class Method:
    """A way to find the rate.

    Attributes:
        name: As ``"linear"``.
        train: See :data:`Train`.
        tuned: Whether its base rate is tuned on the validation part; else it is the task's
            default, or the method's own.
        starts: Multiples of the default rate that it is run from, if it is not tuned.
    """

    name: str
    train: Train
    tuned: bool = False
    starts: tuple[float, ...] = field(default=(1.0,))


def updates(problem: Problem, after: Callable[[Tensor], Any]) -> Iterator[Progress]:
    """All updates of a run by the problem's optimizer, ``after`` each of them."""
    for done, batch in zip(range(1, problem.setting.steps + 1), problem.batches(), strict=False):
        loss = problem.update(batch)
        after(loss)
        yield done, loss


def scheduled(schedule: Schedule) -> Train:
    """The task's optimizer under a schedule that is known before the run."""

    def train(problem: Problem, lr: float, notes: Notes) -> Iterator[Progress]:
        del notes
        problem.optimizer = problem.own_optimizer(lr)
        after = _steps(problem.optimizer, schedule, problem.setting.steps)
        yield from updates(problem, after)

    return train


def _steps(optimizer: Optimizer, schedule: Schedule, steps: int) -> Callable[[Tensor], None]:
    scheduler = ScheduleLR(optimizer, schedule, steps)
    return lambda _: scheduler.step()


def table(*methods: Method) -> Mapping[str, Method]:
    """Methods by name."""
    return {method.name: method for method in methods}
