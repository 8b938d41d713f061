"""The forecast of AutoLRS as its authors released it, for the faithful mode."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...schedules._checks import number, whole
from .forecast import Array, Forecast, varpro


class RankDeficient(ArithmeticError):
    """The released fit came to a decay too slow to tell from a constant, and fails there."""


@dataclass(frozen=True)
class Released:
    """Outliers removed by a smoothing spline, then a exp(b t) + c by a simplex search.

    ``rounds`` times: fit a degree-2 smoothing spline, mark the largest residuals, delete those
    that are marked and lie in the first half of the window. Refit, and to the spline's values at
    all indices fit b = -exp(beta) by Nelder-Mead from beta = 0, (a, c) being linear least squares
    for each beta. The released fit knows no interval: :func:`varpro` gives it and the flag, and
    takes its place, with a RuntimeWarning, where the released fit would raise.

    Attributes:
        rounds: Of the removal: 10 on training losses, 1 on validation losses.
        share: Part of the points that is marked, rounded down but at least one: 0.03 on training
            losses; 0 marks the single largest, as on validation losses.

    Source: arXiv:2105.10762 and its authors' code. Needs SciPy.
    """

    rounds: int = 10
    share: float = 0.03

    def __post_init__(self) -> None:
        """Check the settings."""
        whole("rounds", self.rounds)
        number("share", self.share, low=0, high=1, open_high=True)

    def __call__(self, losses: Sequence[float], horizon: float) -> Forecast:
        """The forecast at index ``horizon`` of losses at 0..n-1."""
        y = np.asarray(losses, dtype=np.float64)
        robust = varpro(losses, horizon)
        if len(y) < 4 or not np.isfinite(y).all():
            return robust
        try:
            a, rate, c = exponential(self.smoothed(y))
        except RankDeficient as error:
            warnings.warn(f"{error}; a robust fit is used", RuntimeWarning, stacklevel=2)
            return robust
        return replace(robust, value=a * math.exp(-rate * horizon) + c, rate=rate)

    def smoothed(self, y: Array) -> Array:
        """The spline through what is left of ``y``, at all its indices."""
        from scipy.interpolate import UnivariateSpline

        every = np.arange(len(y), dtype=np.float64)
        keep = np.ones(len(y), dtype=bool)
        for _ in range(self.rounds):
            x = every[keep]
            residuals = np.abs(UnivariateSpline(x, y[keep], k=2)(x) - y[keep])
            marks = max(1, int(self.share * len(x)))
            largest = x[np.argsort(residuals)[-marks:]].astype(int)
            early = largest[largest < len(y) / 2]
            if keep.sum() - len(early) < 4:
                break
            keep[early] = False
        return np.asarray(UnivariateSpline(every[keep], y[keep], k=2)(every))


def exponential(y: Array) -> tuple[float, float, float]:
    """(a, r, c) of the least-squares fit of a exp(-r t) + c at t = 0..n-1, r = exp(beta).

    Raises:
        RankDeficient: the search came to a rate at which exp(-r t) is a constant in rounding.
    """
    from scipy.optimize import minimize

    t = np.arange(len(y), dtype=np.float64)

    def project(beta: float) -> tuple[float, float, float]:
        design = np.stack([np.exp(-math.exp(min(beta, 700.0)) * t), np.ones_like(t)], axis=1)
        (a, c), residuals, rank, _ = np.linalg.lstsq(design, y, rcond=None)
        if rank < 2:
            raise RankDeficient(
                f"beta={beta:.3g}: exp(-exp(beta) t) is constant on 0..{len(y) - 1}"
            )
        return float(a), float(c), float(residuals[0])

    def residual(beta: Array) -> float:
        return project(float(beta[0]))[2]

    options = {"xatol": 1e-5, "fatol": 1e-5}
    found = minimize(residual, [0.0], method="Nelder-Mead", options=options)
    beta = float(found.x[0])
    a, c, _ = project(beta)
    return a, math.exp(beta), c
