"""Contexts: numbers, and the interval they are expected in."""

from __future__ import annotations

import warnings
from typing import Any

from ...schedules._checks import number


class ContextRange:
    """The interval of contexts, mapped to [-1, 1]; what lies outside is clipped, with a warning.

    Outside the interval polynomials explode: T_5 is 1e8 at 24.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = number("low", low), number("high", high)
        if not self.low < self.high:
            raise ValueError(f"low={low!r}, high={high!r}: expected low < high")
        self._warned = False

    def place(self, context: Any) -> float:
        """Where a context lies, in [-1, 1]; TypeError or ValueError where it is no number."""
        c = scalar_context(context)
        if self.low <= c <= self.high:
            return 2.0 * (c - self.low) / (self.high - self.low) - 1.0
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"context={c!r} lies outside [{self.low!r}, {self.high!r}]: clipped (said once)",
                RuntimeWarning,
                stacklevel=4,
            )
        return 1.0 if c > self.high else -1.0


def scalar_context(context: Any) -> float:
    """A finite number, or raise TypeError or ValueError."""
    if type(context) is float and -1e308 < context < 1e308:
        return context
    if context is None:
        raise TypeError("context=None: this tuner needs a number at every ask(context)")
    return float(number("context", context))
