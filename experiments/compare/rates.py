"""Learning rates of a comparison, and the search that widens their grid."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

FACTOR = 3.0
"""Rates are tuned in multiples of 3, as in the REX paper."""

REACH = 8
"""The automatic grid widens at most to 3**-8 and 3**8 of its start."""


@dataclass(frozen=True)
class Rate:
    """A learning rate ``base * 3**power``; its text is exact, so that workers agree on it.

    Example:
        >>> str(Rate(0.1, -1)), str(Rate(0.1))
        ('0.1*3^-1', '0.1')
    """

    base: float
    power: int = 0

    @property
    def value(self) -> float:
        """The rate as a number."""
        return self.base * FACTOR**self.power

    def __str__(self) -> str:
        return f"{self.base!r}*3^{self.power}" if self.power else f"{self.base!r}"


Scores = Callable[[Rate], float | None]
"""Mean validation metric of a rate, lower is better: inf where it diverged, nan where it could
not be run, None where it has not been run yet."""


@dataclass(frozen=True)
class Search:
    """How far a search for the best rate has come.

    Attributes:
        rates: The rates it needs so far, ascending.
        complete: Whether all of them have their scores and no more are needed.
        best: The rate of the lowest score; None before the end, or where every rate diverged.
        failed: Whether a rate could not be run, which ends the search without a best.
        edge: "lowest" or "highest" where the best rate is the last of the grid on that side.
    """

    rates: tuple[Rate, ...]
    complete: bool = False
    best: Rate | None = None
    failed: bool = False
    edge: str = ""


class RateGrid(Protocol):
    """Says which rates to run, from the scores of those that have run."""

    def search(self, score: Scores) -> Search:
        """The state of the search; a pure function of the scores."""
        ...


@dataclass(frozen=True)
class FixedRates:
    """The given rates and no others."""

    values: tuple[float, ...]

    def search(self, score: Scores) -> Search:
        """See :class:`RateGrid`."""
        rates = tuple(Rate(value) for value in sorted(self.values))
        return _finished(rates, score) if _all_scored(rates, score) else Search(rates)


@dataclass(frozen=True)
class AutoRates:
    """{1/3, 1, 3} of ``base``, widened by 3 where the best rate stands at an edge.

    Where every rate diverged it widens downwards. It ends when the best rate lies inside, or at
    3**-8 or 3**8 of the base, which ``Search.edge`` then tells.
    """

    base: float

    def search(self, score: Scores) -> Search:
        """See :class:`RateGrid`."""
        low, high = -1, 1
        while True:
            rates = tuple(Rate(self.base, power) for power in range(low, high + 1))
            if not _all_scored(rates, score):
                return Search(rates)
            found = _finished(rates, score)
            if found.failed:
                return found
            if (found.best is None or found.edge == "lowest") and low > -REACH:
                low -= 1
            elif found.edge == "highest" and high < REACH:
                high += 1
            else:
                return found


def _all_scored(rates: tuple[Rate, ...], score: Scores) -> bool:
    return all(score(rate) is not None for rate in rates)


def _finished(rates: tuple[Rate, ...], score: Scores) -> Search:
    """The search's end; equal scores go to the rate nearest the middle of the grid."""
    middle = (len(rates) - 1) / 2
    scores = [math.nan if (s := score(rate)) is None else s for rate in rates]
    if any(math.isnan(s) for s in scores):
        return Search(rates, complete=True, failed=True)
    at = min(range(len(rates)), key=lambda i: (scores[i], abs(i - middle), i))
    if math.isinf(scores[at]):
        return Search(rates, complete=True)
    edge = "lowest" if at == 0 else "highest" if at == len(rates) - 1 else ""
    return Search(rates, complete=True, best=rates[at], edge=edge if len(rates) > 1 else "")
