"""The report of a comparison: all its numbers, apart from printing and drawing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..rules import Control
from .grid import Cell, Grid, Run, Setting
from .outcome import Outcome, mean
from .paired import Paired, compare_pairs
from .plan import Outcomes, make_plan, mean_val, search_cell
from .ranks import Share, rank_shares
from .rates import Search


@dataclass(frozen=True)
class Score:
    """A field of the table: the runs of a cell at its chosen rate.

    Attributes:
        cell: Which field.
        search: The rates tried and the one chosen.
        validation: Mean validation metric of each rate tried, which the choice was made by.
        outcomes: The runs at the chosen rate, a seed each; empty where every rate diverged.
        failed: Why a run of the cell could not be done; empty where all were.
    """

    cell: Cell
    search: Search
    validation: tuple[tuple[float, float], ...]
    outcomes: tuple[Outcome, ...]
    failed: str = ""

    @property
    def tests(self) -> tuple[float, ...]:
        """Test metric of each seed."""
        return tuple(outcome.test for outcome in self.outcomes)

    @property
    def mean(self) -> float:
        """Mean test metric; inf where a seed diverged, nan where the cell failed."""
        if self.failed:
            return math.nan
        return mean(self.tests) if self.outcomes else math.inf

    @property
    def finite(self) -> bool:
        """Whether there is a mean: nothing failed or diverged."""
        return math.isfinite(self.mean)

    @property
    def stderr(self) -> float:
        """Standard error of the mean; nan for one seed."""
        n = len(self.tests)
        if n < 2 or not self.finite:
            return math.nan
        return float(np.std(self.tests, ddof=1)) / math.sqrt(n)

    @property
    def lr(self) -> float | None:
        """The chosen base rate."""
        return self.search.best.value if self.search.best else None

    @property
    def note(self) -> str:
        """What to know of the field; mostly nothing."""
        if self.failed:
            return "failed"
        if not self.finite:
            return "diverged"
        return f"best rate is the {self.search.edge} tried" if self.search.edge else ""


@dataclass(frozen=True)
class Report:
    """All numbers of a comparison.

    Args:
        grid: What was compared.
        scores: The field of every cell.
        reference: The schedule that the others are compared with.
    """

    grid: Grid
    scores: Mapping[Cell, Score]
    reference: Control

    def score(self, setting: Setting, schedule: Control, budget: float) -> Score:
        """One field."""
        return self.scores[Cell(setting, schedule, budget)]

    def is_best(self, score: Score) -> bool:
        """Whether a field has the lowest mean of its column; equal ones all have."""
        cell = score.cell
        column = [self.score(cell.setting, s, cell.budget).mean for s in self.grid.schedules]
        return math.isfinite(score.mean) and not any(other < score.mean for other in column)

    def paired(self, cell: Cell) -> Paired | None:
        """A cell against the reference in its column; None where one of them failed."""
        ours = self.scores[cell]
        other = self.score(cell.setting, self.reference, cell.budget)
        if ours.failed or other.failed:
            return None
        lost = (math.inf,) * self.grid.seeds
        return compare_pairs(ours.tests or lost, other.tests or lost)

    @cached_property
    def comparisons(self) -> dict[Cell, Paired]:
        """Every schedule but the reference against the reference."""
        others = [cell for cell in self.scores if cell.schedule != self.reference]
        found = {cell: self.paired(cell) for cell in others}
        return {cell: paired for cell, paired in found.items() if paired is not None}

    @cached_property
    def shares(self) -> dict[str, list[Share]]:
        """Rank shares over all settings and budgets; columns with a failed field are left out."""
        experiments = dict[float, list[list[float]]]()
        for setting in self.grid.settings:
            for budget in self.grid.budgets:
                column = [self.score(setting, s, budget).mean for s in self.grid.schedules]
                if not any(math.isnan(value) for value in column):
                    experiments.setdefault(budget, []).append(column)
        return rank_shares(experiments)

    @property
    def failures(self) -> dict[Cell, str]:
        """Cells with a run that could not be done, and why."""
        return {cell: score.failed for cell, score in self.scores.items() if score.failed}


def make_report(grid: Grid, outcomes: Outcomes, reference: Control | None = None) -> Report:
    """The report of a grid whose runs have all finished.

    Args:
        grid: What was compared.
        outcomes: The outcome of every run, by key.
        reference: A schedule of the grid; its first by default.

    Raises:
        ValueError: the reference is none of the grid's schedules, or an outcome is missing.
    """
    reference = reference or grid.schedules[0]
    if reference not in grid.schedules:
        known = ", ".join(str(s) for s in grid.schedules)
        raise ValueError(f"reference={str(reference)!r}: expected one of {known}")
    if left := make_plan(grid, outcomes).left:
        raise ValueError(f"outcomes: {len(left)} of the grid's runs are missing, as {left[0].key}")
    scores = {cell: _score(grid, cell, outcomes) for cell in grid.cells}
    return Report(grid, scores, reference)


def _score(grid: Grid, cell: Cell, outcomes: Outcomes) -> Score:
    search = search_cell(grid, cell, outcomes)
    seeds = range(grid.seeds)
    runs = [Run(cell, rate, seed) for rate in search.rates for seed in seeds]
    validation = tuple(
        (rate.value, val)
        for rate in search.rates
        if (val := mean_val(cell, rate, grid.seeds, outcomes)) is not None
    )
    chosen = [Run(cell, search.best, seed) for seed in seeds] if search.best else []
    failed = [outcomes[run.key].failed for run in runs if run.key in outcomes]
    return Score(
        cell,
        search,
        validation,
        tuple(outcomes[run.key] for run in chosen),
        next(filter(None, failed), ""),
    )
