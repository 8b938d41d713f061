"""The closed form near a refined schedule: linear warm-up, then a power of the remaining time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..schedule import Array, Schedule
from ..shapes.polynomial import Polynomial
from ..shapes.tabulated import Tabulated

POOR = 0.1
"""A largest error above this is no fit."""


@dataclass(frozen=True)
class ClosedForm:
    """f(x) = x/a below a, ((1 - x)/(1 - a))^alpha from there.

    Attributes:
        warmup: a, the fraction of the run, in [0, 0.95).
        power: alpha > 0.
        rms_error: Root mean square difference from the curve, in parts of its maximum.
        max_error: Largest difference, likewise.
    """

    warmup: float
    power: float
    rms_error: float
    max_error: float

    def schedule(self) -> Schedule:
        """The form as a schedule: ``Polynomial(power).warmup(warmup)``."""
        decay = Polynomial(self.power)
        return decay.warmup(self.warmup) if self.warmup > 0 else decay

    def __call__(self, x: Array) -> Array:
        """The form at parts x of the run."""
        return _form(x, self.warmup, self.power)


def fit_closed_form(schedule: Tabulated) -> ClosedForm:
    """Fit warm-up fraction and power to a table by least squares on its values.

    Warns (UserWarning) where the largest error exceeds 0.1: some curves are not of this form.

    Raises:
        TypeError: no table.
        ValueError: a table of zeros.

    Source: the form is drawn over the refined curves by the authors of arXiv:2310.07831; the
    fitting is ours.
    """
    if not isinstance(schedule, Tabulated):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"schedule={schedule!r}: expected a Tabulated, such as refine() gives")
    x = np.linspace(0.0, 1.0, min(max(len(schedule.table), 2), 2001))
    y = schedule(x, 1.0)
    if y.max() == 0:
        raise ValueError("schedule: it is zero throughout; there is nothing to fit")
    y = y / y.max()

    def error_of(a: float) -> float:
        return _power_of(x, y, a)[1]

    a = _lowest(error_of, [0.0, *np.linspace(0.0025, 0.9475, 379).tolist(), float(x[y.argmax()])])
    power = _power_of(x, y, a)[0]
    off = np.abs(_form(x, a, power) - y)
    found = ClosedForm(a, power, float(np.sqrt(np.mean(off**2))), float(off.max()))
    if found.max_error > POOR:
        warnings.warn(
            f"fit_closed_form: the curve is not of this form (largest error "
            f"{found.max_error:.2f}); use the table itself",
            UserWarning,
            stacklevel=2,
        )
    return found


def _form(x: Array, a: float, power: float) -> Array:
    rise = x / a if a > 0 else np.ones_like(x)
    return np.where(x < a, rise, (np.clip(1 - x, 0, None) / (1 - a)) ** power)


def _power_of(x: Array, y: Array, a: float) -> tuple[float, float]:
    """The best power for a warm-up fraction, and the squared error with it."""
    from scipy.optimize import minimize_scalar

    def error(log_power: float) -> float:
        return float(np.sum((_form(x, a, np.exp(log_power)) - y) ** 2))

    best: Any = minimize_scalar(
        error, bounds=(-5.0, 4.0), method="bounded", options={"xatol": 1e-10}
    )
    return float(np.exp(best.x)), float(best.fun)


def _lowest(f: Callable[[float], float], grid: list[float]) -> float:
    """The lowest point of f, searched from the best point of a grid."""
    from scipy.optimize import minimize_scalar

    inside = sorted({a for a in grid if 0 <= a < 0.95})
    at = min(range(len(inside)), key=lambda i: f(inside[i]))
    low, high = inside[max(at - 1, 0)], inside[min(at + 1, len(inside) - 1)]
    found: Any = minimize_scalar(f, bounds=(low, high), method="bounded", options={"xatol": 1e-12})
    return min((inside[at], float(found.x)), key=f)
