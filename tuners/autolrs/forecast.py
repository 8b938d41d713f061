"""Forecast of a loss: an exponential a exp(-r t) + c, fitted so that it never fails."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...schedules._checks import number

Array = NDArray[np.float64]

RATES = np.geomspace(0.05, 60.0, 64)
"""Decay rates that are tried, per length of the window."""
HUBER = 1.345
"""Deviations, in units of sigma, from which on a residual counts linearly: 95 % efficient."""
_ROUNDS = 5
_CHI2_95 = 3.84


@dataclass(frozen=True)
class Forecast:
    """What a series of losses is expected to reach.

    Attributes:
        value: The loss at the horizon; infinite where no loss of the series was finite.
        low: Lower end of the interval: the decay rates that a likelihood ratio does not reject
            at 95 %, each with 1.96 standard errors of its own fit.
        high: Upper end.
        identified: Whether the series determines its decay rate, and falls. If not, ``value`` is
            the best guess of an ill-posed extrapolation.
        rate: Decay rate r per index; NaN where there are fewer than 4 finite losses.
    """

    value: float
    low: float
    high: float
    identified: bool
    rate: float


class Forecaster(Protocol):
    """Extrapolates losses at indices 0, 1, ..., n-1 to the index ``horizon``."""

    def __call__(self, losses: Sequence[float], horizon: float) -> Forecast:
        """The forecast; it does not raise on any losses."""
        ...


def varpro(losses: Sequence[float], horizon: float) -> Forecast:
    """Fit a exp(-r t) + c by variable projection on a grid of rates, robustly.

    For each of 64 rates between 0.05 and 60 per window, (a, c) is weighted linear least squares
    in closed form; the best rate's residuals give the Huber weights of the next of five rounds.
    Losses that are not finite are left out.

    Args:
        losses: Loss at indices 0..n-1.
        horizon: Index to extrapolate to.

    Example:
        >>> t = np.arange(200)
        >>> found = varpro(2 * np.exp(-t / 40) + 1, horizon=2000)
        >>> round(found.value, 2), found.identified
        (1.0, True)

    Source: the forecast of AutoLRS, arXiv:2105.10762; variable projection: Golub & Pereyra
    (1973). Different: no outlier removal by splines, a grid in place of a simplex search.
    """
    number("horizon", horizon)
    try:
        y = np.asarray(losses, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"losses={reprlib.repr(losses)}: expected numbers") from error
    t = np.flatnonzero(np.isfinite(y)).astype(np.float64)
    y = y[np.isfinite(y)]
    if len(y) < 4 or y.min() == y.max():
        return _constant(y)
    window = float(t[-1]) + 1.0
    fit = _Fit(RATES / window, t, y, horizon)
    weights = np.ones_like(y)
    for _ in range(_ROUNDS):
        best = fit.project(weights)
        weights = _huber(y - fit.a[best] * fit.decay[best] - fit.c[best])
    best = fit.project(weights)
    # The grid's step is coarser than a clean series can tell: once more between its neighbours.
    below, above = RATES[max(best - 1, 0)], RATES[min(best + 1, len(RATES) - 1)]
    finer = np.union1d(RATES, np.geomspace(below, above, 33))
    fit = _Fit(finer / window, t, y, horizon)
    fit.project(weights)
    return fit.conclude()


class _Fit:
    """The fits at all rates at once: (a, c), residuals and forecasts, each of shape (rates,)."""

    def __init__(self, rates: Array, t: Array, y: Array, horizon: float) -> None:
        self.rates, self.y = rates, y
        self.decay = np.exp(-np.outer(rates, t))  # (rates, n)
        self.ahead = np.exp(-rates * horizon)

    def project(self, w: Array) -> int:
        """Least squares with weights (n,); returns the index of the best rate."""
        total = w.sum()
        middle, mean = self.decay @ w / total, float(self.y @ w) / total
        centred = self.decay - middle[:, None]
        spread = (centred**2) @ w
        self.a = (centred @ (w * (self.y - mean))) / spread
        self.c = mean - self.a * middle
        self.rss = (self.y - self.a[:, None] * self.decay - self.c[:, None]) ** 2 @ w
        self.unit_error = np.sqrt(1.0 / total + (self.ahead - middle) ** 2 / spread)
        return int(np.argmin(self.rss))

    def conclude(self) -> Forecast:
        """The best rate's forecast, and what a likelihood ratio at 95 % does not reject."""
        n, best = len(self.y), int(np.argmin(self.rss))
        values = self.a * self.ahead + self.c
        # Residuals at the level of rounding must not decide between rates.
        least = self.rss[best] + n * (1e-9 * np.abs(self.y).max()) ** 2
        plausible = n * np.log(np.maximum(self.rss, least) / least) <= _CHI2_95
        reach = 1.96 * self.unit_error * math.sqrt(least / (n - 3))
        return Forecast(
            value=float(values[best]),
            low=float((values - reach)[plausible].min()),
            high=float((values + reach)[plausible].max()),
            identified=bool(self.a[best] > 0 and not (plausible[0] or plausible[-1])),
            rate=float(self.rates[best]),
        )


def _huber(residuals: Array) -> Array:
    """Weights of Huber's loss, sigma from the median absolute deviation."""
    sigma = float(np.median(np.abs(residuals))) / 0.6745
    if sigma == 0.0:
        return np.ones_like(residuals)
    return np.minimum(1.0, HUBER * sigma / np.maximum(np.abs(residuals), 1e-300))


def _constant(y: Array) -> Forecast:
    """Where there is nothing to fit: the mean, unless nothing was finite."""
    if not y.size:
        return Forecast(math.inf, -math.inf, math.inf, False, math.nan)
    value = float(y.mean())
    known = y.size >= 4  # a constant series
    return Forecast(
        value, value if known else -math.inf, value if known else math.inf, False, math.nan
    )
