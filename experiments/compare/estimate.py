"""The dry run: how much there is to do and about how long it takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ...schedules import Constant
from ..tasks import get_task
from ..trials.ledger import Ledger
from ..trials.pool import Workers
from ..trials.storage import find_study, reachable
from .grid import Cell, Grid, Run, Setting
from .outcome import Outcome
from .plan import make_plan
from .rates import Rate
from .worker import STUDY, outcomes_of

TIMED_UPDATES = 40


@dataclass(frozen=True)
class Cost:
    """Time of a setting's runs: seconds of a run outside training, and of each update."""

    run: float
    update: float

    def seconds(self, updates: int) -> float:
        """Time of a run."""
        return self.run + self.update * updates


@dataclass(frozen=True)
class Estimate:
    """What is left of a comparison.

    Attributes:
        runs: Runs left; an automatic grid that widens adds to them.
        done: Runs that the storage holds already.
        updates: Updates of the runs left.
        seconds: Estimated time with the given number of jobs.
        costs: Measured costs of each setting.
    """

    runs: int
    done: int
    updates: int
    seconds: float
    costs: dict[Setting, Cost]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        costs = {str(setting): asdict(cost) for setting, cost in self.costs.items()}
        return {**vars(self), "costs": costs}


def estimate(grid: Grid, url: str | None, workers: Workers) -> Estimate:
    """Count what is left and time some dozens of updates of each setting; nothing is written.

    Args:
        grid: What is compared.
        url: The storage; None where there is none yet.
        workers: Who would do the runs.
    """
    plan = make_plan(grid, _finished(url) if url else {})
    with workers.torch_threads():
        costs = {setting: measure(setting, workers.accelerator) for setting in grid.settings}
    seconds = sum(costs[run.cell.setting].seconds(run.updates) for run in plan.left)
    return Estimate(
        runs=len(plan.left),
        done=len(plan.runs) - len(plan.left),
        updates=plan.updates_left,
        seconds=seconds / workers.jobs,
        costs=costs,
    )


def _finished(url: str) -> dict[str, Outcome]:
    """What the storage holds already."""
    study = find_study(url, STUDY)
    with reachable(url):
        return outcomes_of(Ledger(study).read()) if study else {}


def measure(setting: Setting, accelerator: str = "cpu") -> Cost:
    """Time a run of one update and one of some dozens, after one that loads the data."""
    _, one, many = (_seconds(setting, n, accelerator) for n in (1, 1, 1 + TIMED_UPDATES))
    update = max(0.0, many - one) / TIMED_UPDATES
    return Cost(run=max(0.0, one - update), update=update)


def _seconds(setting: Setting, updates: int, accelerator: str) -> float:
    from .trial import train

    task = get_task(setting.task)
    cell = Cell(setting, Constant(), 100 * updates / task.total_steps)
    # A low rate: a run that diverged would be timed too short.
    rate = Rate(task.base_lrs[setting.optimizer], -3)
    return train(Run(cell, rate, seed=0), accelerator).seconds
