"""What is still to be run, from what has been: a pure function, the same for every worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from .grid import Cell, Grid, Run
from .outcome import Outcome, mean
from .rates import Rate, Search

Outcomes = Mapping[str, Outcome]
"""Finished runs by their key."""


@dataclass(frozen=True)
class Plan:
    """All runs known to be needed so far, and those not finished yet.

    Attributes:
        runs: Every run of the grid as far as it has widened.
        left: Those not finished, the longest first, which packs several workers best.
        searches: The state of each cell's search for its rate.
    """

    runs: tuple[Run, ...]
    left: tuple[Run, ...]
    searches: Mapping[Cell, Search]

    @property
    def complete(self) -> bool:
        """Whether nothing is left to run."""
        return not self.left

    @cached_property
    def updates(self) -> int:
        """Updates of all runs, the measure of the work."""
        return sum(run.updates for run in self.runs)

    @cached_property
    def updates_left(self) -> int:
        """Updates of the runs that are left."""
        return sum(run.updates for run in self.left)


def make_plan(grid: Grid, outcomes: Outcomes) -> Plan:
    """The plan of a grid, given what has finished."""
    searches = {cell: search_cell(grid, cell, outcomes) for cell in grid.cells}
    runs = tuple(
        Run(cell, rate, seed)
        for cell, search in searches.items()
        for rate in search.rates
        for seed in range(grid.seeds)
    )
    left = [run for run in runs if run.key not in outcomes]
    return Plan(runs, tuple(sorted(left, key=lambda run: -run.updates)), searches)


def search_cell(grid: Grid, cell: Cell, outcomes: Outcomes) -> Search:
    """The state of a cell's search: rates are judged by their mean over all seeds."""
    return grid.rate_grid(cell.setting).search(
        lambda rate: mean_val(cell, rate, grid.seeds, outcomes)
    )


def mean_val(cell: Cell, rate: Rate, seeds: int, outcomes: Outcomes) -> float | None:
    """Mean validation metric over the seeds; as :data:`~.rates.Scores`.

    inf where one diverged, nan where one could not be run, None where one is missing.
    """
    found = [outcomes.get(Run(cell, rate, seed).key) for seed in range(seeds)]
    values = [outcome.val for outcome in found if outcome is not None]
    return mean(values) if len(values) == seeds else None
