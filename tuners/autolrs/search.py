"""The search for a learning rate: one dimension, few and noisy observations, a cliff."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...schedules._checks import finite_or_not, number, whole
from ...schedules._state import check_keys, reading
from .gaussian import Array, GaussianProcess

Flags = NDArray[np.bool_]

_POINTS = 257
_FAR = 20.0


class RateSearch:
    """Searches a rate in an interval, on a log scale, by a Gaussian process.

    The first ``grid`` rates lie evenly from end to end; the next are the minima of mean -
    kappa x deviation over rates not yet tried (pending ones count as observed at their mean).
    A cost that is NaN, infinite or far above the others says that its rate is bad, not how bad:
    it enters as the worst of the others, sets no scale, and its rate is never the best.

    Args:
        low: Least rate, > 0.
        high: Largest rate, > low.
        grid: Rates of the first, even round, >= 1 (one alone is drawn at random).
        kappa: Weight of the deviation, >= 0: large values explore. From about 100 on costs no
            longer matter and the interval is bisected, as AutoLRS did.
        seed: Of the random draw.

    Raises:
        ValueError: an interval that is empty, reversed or reaches zero.

    Example:
        >>> search = RateSearch(1e-3, 1.0, grid=3)
        >>> for _ in range(8):
        ...     rate = search.ask()
        ...     search.tell(rate, (math.log10(rate) + 1.4) ** 2)
        >>> 0.03 < search.best() < 0.05
        True

    Source: the search of AutoLRS, arXiv:2105.10762; lower confidence bounds as in Cox & John
    (1992). Different from AutoLRS: the even first round, kappa, and what counts as an outlier.
    """

    def __init__(
        self, low: float, high: float, *, grid: int = 4, kappa: float = 2.0, seed: int = 0
    ) -> None:
        self.low = float(number("low", low, low=0, open_low=True))
        self.high = float(number("high", high, low=0, open_low=True))
        if self.low >= self.high:
            raise ValueError(f"low={low!r}, high={high!r}: expected low < high")
        self.grid = whole("grid", grid, low=1)
        self.kappa = float(number("kappa", kappa, low=0))
        self.seed = whole("seed", seed)
        self._pending: list[float] = []
        self._rates: list[float] = []
        self._costs: list[float] = []

    def ask(self, context: Any = None) -> float:
        """The next rate; asked again before ``tell``, the one after."""
        del context
        rate = self._next()
        self._pending.append(rate)
        return rate

    def tell(self, choice: float, cost: float) -> None:
        """Report what training at a rate cost (any rate in the interval, asked for or not)."""
        rate = float(number("choice", choice, low=self.low, high=self.high))
        cost = float(finite_or_not(cost))
        if rate in self._pending:
            self._pending.remove(rate)
        self._rates.append(rate)
        self._costs.append(cost)

    def best(self) -> float:
        """The tried rate of the least posterior mean; one that diverged never is.

        Raises:
            ValueError: nothing has been told yet, or no cost was finite.
        """
        bad = diverged(self._costs)
        if bad.all():
            raise ValueError(f"best: {len(self._costs)} costs told, none of them finite")
        mean, _ = self.posterior(self._rates)
        return self._rates[int(np.argmin(np.where(bad, math.inf, mean)))]

    def posterior(self, rates: Sequence[float]) -> tuple[Array, Array]:
        """Mean and standard deviation of the cost at given rates, in the units of the costs."""
        values = winsorised(self._costs)
        centre, spread = _scale(values)
        process = GaussianProcess.fit(self._unit(self._rates), (values - centre) / spread)
        mean, deviation = process(self._unit(rates))
        return centre + spread * mean, spread * deviation

    def state_dict(self) -> dict[str, Any]:
        """Plain values: loads under ``torch.load(weights_only=True)``."""
        return {
            "interval": [self.low, self.high],
            "pending": list(self._pending),
            "rates": list(self._rates),
            "costs": list(self._costs),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError, with nothing changed, where it is another's."""
        check_keys("RateSearch", state_dict, self.state_dict())
        with reading("RateSearch"):
            lists = {name: list(map(float, state_dict[name])) for name in self.state_dict()}
            if len(lists["rates"]) != len(lists["costs"]):
                raise ValueError(f"{len(lists['rates'])} rates, {len(lists['costs'])} costs")
            for rate in (*lists["rates"], *lists["pending"]):
                number("rates", rate, low=0, open_low=True)
        if lists["interval"] != [self.low, self.high]:
            raise ValueError(
                f"state_dict: it searched {state_dict['interval']}, this one searches "
                f"[{self.low}, {self.high}]"
            )
        self._pending, self._rates = lists["pending"], lists["rates"]
        self._costs = lists["costs"]

    def _next(self) -> float:
        known = len(self._rates) + len(self._pending)
        if known == 0 and self.grid == 1:
            return self._rate(np.random.default_rng(self.seed).random())
        if known < self.grid:
            return self._rate(known / (self.grid - 1))
        return self._rate(self._least_bound())

    def _least_bound(self) -> float:
        """Where mean - kappa x deviation is least, among points that were not tried."""
        at = np.linspace(0.0, 1.0, _POINTS)
        x, y = self._unit(self._rates), winsorised(self._costs)
        centre, spread = _scale(y)
        y = (y - centre) / spread
        if self._pending:
            waiting = self._unit(self._pending)
            guess = GaussianProcess.fit(x, y)(waiting)[0] if len(x) else np.zeros(len(waiting))
            x, y = np.concatenate([x, waiting]), np.concatenate([y, guess])
        mean, deviation = GaussianProcess.fit(x, y)(at)
        bound = mean - self.kappa * deviation
        # Half a spacing apart from what was tried; where nothing is left a rate comes again.
        free = np.abs(at[:, None] - x).min(axis=1) > 0.5 / (_POINTS - 1)
        return float(at[int(np.argmin(np.where(free, bound, math.inf) if free.any() else bound))])

    def _unit(self, rates: Sequence[float]) -> Array:
        span = math.log(self.high / self.low)
        return np.log(np.asarray(rates, dtype=np.float64) / self.low) / span

    def _rate(self, position: float) -> float:
        rate = self.low * (self.high / self.low) ** position
        return min(max(rate, self.low), self.high)  # rounding must not leave the interval


def diverged(costs: Sequence[float]) -> Flags:
    """Which costs are NaN, infinite or far above the others: shape (n,).

    Far above is more than b + 20 (m - b): b is the best of the finite costs, m their lower
    median or, where that is the best too, the next above it.
    """
    values = np.asarray(costs, dtype=np.float64)
    finite = np.sort(values[np.isfinite(values)])
    above = finite[finite > finite[0]] if finite.size else finite
    if not above.size:
        return ~np.isfinite(values)
    best, middle = finite[0], max(finite[(finite.size - 1) // 2], above[0])
    return ~(values <= best + _FAR * (middle - best)) | ~np.isfinite(values)


def winsorised(costs: Sequence[float]) -> Array:
    """Costs with what diverged set to the worst of the others (0 if there are none)."""
    bad = diverged(costs)
    worst = max((cost for cost, out in zip(costs, bad, strict=True) if not out), default=0.0)
    return np.where(bad, worst, np.asarray(costs, dtype=np.float64))


def _scale(values: Array) -> tuple[float, float]:
    """Centre and spread that make costs comparable with the process's unit variance."""
    spread = float(values.std()) if values.size else 0.0
    return float(values.mean()) if values.size else 0.0, spread if spread > 0 else 1.0
