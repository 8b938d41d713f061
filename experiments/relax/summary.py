"""What the trials of the synthetic task say together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..compare.paired import Paired, compare_pairs
from .comparators import BEST_FIXED, INSTANCE_OPTIMUM
from .study import QUARTERS, Scores


@dataclass(frozen=True)
class Row:
    """A comparator over all trials of a variance.

    Attributes:
        name: Of the comparator.
        mean: Iterations per instance, mean over the trials.
        stderr: Its standard error; nan for one trial.
        spread: Standard deviation between trials.
        quarters: Mean in each quarter of the trials.
        to_optimum: Mean over that of the instance optimum.
        to_fixed: Mean over that of the best fixed omega.
        against_fixed: Paired difference from the best fixed omega, chosen anew in each trial.
    """

    name: str
    mean: float
    stderr: float
    spread: float
    quarters: tuple[float, ...]
    to_optimum: float
    to_fixed: float
    against_fixed: Paired


def summarise(trials: Sequence[Scores]) -> list[Row]:
    """One row for each comparator that all trials have, in their order."""
    names = [name for name in trials[0] if all(name in trial for trial in trials)]
    means = {name: [trial[name].mean for trial in trials] for name in names}
    return [_row(name, means, [trial[name].quarters for trial in trials]) for name in names]


def _row(
    name: str, means: Mapping[str, Sequence[float]], quarters: Sequence[Sequence[float]]
) -> Row:
    mine = np.array(means[name])
    spread = float(mine.std(ddof=1)) if len(mine) > 1 else math.nan
    mean = float(mine.mean())
    return Row(
        name=name,
        mean=mean,
        stderr=spread / math.sqrt(len(mine)),
        spread=spread,
        quarters=tuple(float(np.mean([q[k] for q in quarters])) for k in range(QUARTERS)),
        to_optimum=mean / float(np.mean(means[INSTANCE_OPTIMUM])),
        to_fixed=mean / float(np.mean(means[BEST_FIXED])),
        against_fixed=compare_pairs(means[name], means[BEST_FIXED]),
    )
