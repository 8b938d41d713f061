"""The best base rate of every schedule, all runs of a round in one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...schedules import Schedule
from ...schedules.schedule import Array
from ..compare.rates import FACTOR, AutoRates, FixedRates, Rate, RateGrid, Search
from .problem import Minimum, Problem
from .sgd import Runs, run_sgd

COARSE = AutoRates(0.1)
"""The first grid of rates: multiples of 3, widened where the best stands at an edge."""

PARTS = 4
"""The second grid: multiples of 3^(1/4) around the best of the first.

By the theory a rate off by a factor c from the best costs (c + 1/c)/2 - 1 of the gap: up to 15 % on
the first grid, more than schedules differ, and up to 1 % on this one.
"""

_Trial = tuple[str, Rate]


@dataclass(frozen=True)
class Tuned:
    """A schedule at its best rate.

    Attributes:
        lr: The base rate of the least mean gap over the seeds; nan where every rate diverged.
        edge: "lowest" or "highest" where the first grid could not be widened any more.
        gaps: f - f* of the last iterate, one for each seed; inf where it diverged.
        errors: Its test error in %.
    """

    lr: float
    edge: str
    gaps: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def gap(self) -> float:
        """Mean gap."""
        return float(np.mean(self.gaps))

    @property
    def error(self) -> float:
        """Mean test error in %."""
        return float(np.mean(self.errors))


def tune(
    problem: Problem,
    minimum: Minimum,
    schedules: Mapping[str, Schedule],
    total_steps: int,
    seeds: Sequence[int],
) -> dict[str, Tuned]:
    """Every schedule at the rate that gives the least mean final gap over the seeds.

    The gap is of the training objective, the quantity that the theory bounds; the test error is
    only read off. All schedules see the same starts and batches.
    """
    found = dict[_Trial, Tuned]()
    shapes = {name: schedule.values(total_steps) for name, schedule in schedules.items()}

    def finished(grids: Mapping[str, RateGrid]) -> dict[str, Search]:
        """The grids' searches at their ends; what they need is run, a batch a round."""
        while True:
            searches = {name: grid.search(_scores(name, found)) for name, grid in grids.items()}
            wanted = [(name, rate) for name, search in searches.items() for rate in search.rates]
            missing = [trial for trial in wanted if trial not in found]
            if not missing:
                return searches
            rates = np.stack([shapes[name] * rate.value for name, rate in missing], axis=1)
            runs = run_sgd(problem, rates, seeds)
            found.update(zip(missing, _finals(problem, minimum, runs, missing), strict=True))

    coarse = finished(dict.fromkeys(schedules, COARSE))
    fine = finished({name: _around(s.best) for name, s in coarse.items() if s.best is not None})
    lost = Tuned(np.nan, "", (np.inf,) * len(seeds), (np.inf,) * len(seeds))
    return {
        name: _best(name, fine[name], coarse[name].edge, found) if name in fine else lost
        for name in schedules
    }


def _around(best: Rate) -> FixedRates:
    """Rates from one neighbour in the first grid to the other, both left out."""
    powers = range(1 - PARTS, PARTS)
    return FixedRates(tuple(best.value * FACTOR ** (power / PARTS) for power in powers))


def _scores(name: str, found: Mapping[_Trial, Tuned]) -> Callable[[Rate], float | None]:
    return lambda rate: found[name, rate].gap if (name, rate) in found else None


def _best(name: str, search: Search, edge: str, found: Mapping[_Trial, Tuned]) -> Tuned:
    assert search.best is not None  # the rate in the middle did not diverge
    tuned = found[name, search.best]
    return Tuned(tuned.lr, edge, tuned.gaps, tuned.errors)


def _finals(
    problem: Problem, minimum: Minimum, runs: Runs, trials: Sequence[_Trial]
) -> list[Tuned]:
    gaps: Array = problem.objective(runs.weights).numpy() - minimum.value
    gaps = np.where(np.isfinite(gaps), gaps, np.inf)
    errors = problem.test_error(runs.weights).numpy()
    columns = zip(trials, gaps.T.tolist(), errors.T.tolist(), strict=True)
    return [Tuned(rate.value, "", tuple(g), tuple(e)) for (_, rate), g, e in columns]
