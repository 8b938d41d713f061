"""The grid of a comparison: which runs there are, and the keys that workers know them by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...schedules import Schedule
from ...schedules._checks import number, shown, whole
from ..rules import Control, Rule
from ..tasks import get_task
from .rates import AutoRates, FixedRates, Rate, RateGrid

PROTOCOL = "v1"
"""Part of every key: raise it when the meaning of a run changes, and no old result is reused."""


@dataclass(frozen=True)
class Setting:
    """A task trained by an optimizer: what one table is about."""

    task: str
    optimizer: str

    def __str__(self) -> str:
        return f"{self.task} {self.optimizer}"


@dataclass(frozen=True)
class Cell:
    """A field of the table: a schedule at a budget in % of the task's steps; no rate as yet.

    In the place of a schedule may stand a rule that reacts to the run.
    """

    setting: Setting
    schedule: Control
    budget: float

    @cached_property
    def text(self) -> str:
        """The cell's part of the keys of its runs."""
        where = f"{self.setting.task}|{self.setting.optimizer}"
        return f"{where}|{self.schedule}|{percent(self.budget)}"


@dataclass(frozen=True)
class Run:
    """One training: a cell, a rate and a seed."""

    cell: Cell
    rate: Rate
    seed: int

    @property
    def key(self) -> str:
        """What all workers call this run; equal keys are the same work."""
        return f"{PROTOCOL}|{self.cell.text}|{self.rate}|{self.seed}"

    @property
    def details(self) -> dict[str, Any]:
        """The key's parts, for those who look at the study with Optuna's own tools."""
        return {
            "task": self.cell.setting.task,
            "optimizer": self.cell.setting.optimizer,
            "schedule": str(self.cell.schedule),
            "budget": percent(self.cell.budget),
            "lr": self.rate.value,
            "seed": self.seed,
        }

    @property
    def updates(self) -> int:
        """Updates of the run: the budget's part of the task's steps, at least 1."""
        return updates(self.cell.setting.task, self.cell.budget)


@dataclass(frozen=True)
class Grid:
    """All that is compared; every part is checked when the grid is made.

    Args:
        schedules: The schedules and rules; the first is the reference of the paired comparison.
        tasks: Names of tasks.
        optimizers: Names of optimizers, known to every task.
        budgets: Lengths of the runs in % of each task's steps, in (0, 100].
        seeds: Number of seeds, 0..seeds-1; a seed has the same weights and batches everywhere.
        rates: Learning rates, or None for the grid that widens by itself.

    Raises:
        TypeError: a part of another kind.
        ValueError: a part that is empty, given twice, unknown or out of range, or a schedule
            whose phases do not fit a budget.
    """

    schedules: tuple[Control, ...]
    tasks: tuple[str, ...] = ("digits",)
    optimizers: tuple[str, ...] = ("sgd",)
    budgets: tuple[float, ...] = (1.0, 5.0, 10.0, 25.0, 50.0, 100.0)
    seeds: int = 3
    rates: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Check every part."""
        for schedule in _several("schedules", self.schedules):
            if not isinstance(schedule, Schedule | Rule):
                raise TypeError(f"schedules={shown(schedule)}: expected schedules or rules")
        _distinct("schedules", [str(s) for s in self.schedules])
        _distinct("schedules", self.schedules)  # uba(phi=1) and uba(phi=1.0) are the same
        _distinct("tasks", self.tasks)
        _distinct("optimizers", self.optimizers)
        _distinct("budgets", self.budgets)
        for budget in self.budgets:
            number("budgets", budget, low=0, high=100, open_low=True)
        whole("seeds", self.seeds, low=1)
        if self.rates is not None:
            _distinct("rates", self.rates)
            for rate in self.rates:
                number("rates", rate, low=0, open_low=True)
        self._check_tasks()

    def _check_tasks(self) -> None:
        for setting in self.settings:
            known = get_task(setting.task).base_lrs
            if setting.optimizer not in known:
                raise ValueError(
                    f"optimizers={setting.optimizer!r}: task {setting.task!r} knows "
                    + ", ".join(known)
                )
        for cell in self.cells:
            steps = updates(cell.setting.task, cell.budget)
            if isinstance(cell.schedule, Schedule):  # phases that do not fit are refused here
                cell.schedule(np.arange(steps + 1), steps)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Every task with every optimizer."""
        return tuple(Setting(t, o) for t in self.tasks for o in self.optimizers)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every field of every table."""
        return tuple(
            Cell(setting, schedule, budget)
            for setting in self.settings
            for schedule in self.schedules
            for budget in self.budgets
        )

    def rate_grid(self, setting: Setting) -> RateGrid:
        """The rates of a setting."""
        if self.rates is not None:
            return FixedRates(self.rates)
        return AutoRates(get_task(setting.task).base_lrs[setting.optimizer])


def updates(task: str, budget: float) -> int:
    """Updates of a run at ``budget`` % of a task's steps, at least 1."""
    return max(1, round(get_task(task).total_steps * budget / 100))


def percent(budget: float) -> str:
    """A budget as text, the same for 5 and 5.0."""
    return repr(float(budget)).removesuffix(".0")


def _several(name: str, values: Any) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name}={shown(values)}: expected several, as a tuple")
    found = list[Any](values)
    if not found:
        raise ValueError(f"{name}: expected at least one")
    return found


def _distinct(name: str, values: Any) -> None:
    found = _several(name, values)
    for value in found:
        if found.count(value) > 1:
            raise ValueError(f"{name}={shown(value)}: given twice")
