"""Checks of arguments: each names the argument, its value, and what is allowed."""

import math
from collections.abc import Callable
from typing import Any


def number(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return ``value`` as a finite Python number in the range, or raise.

    Ints stay ints, so that a setting prints as it was written.

    Raises:
        TypeError: ``value`` is not a number (a bool is not one).
        ValueError: it is not finite or outside the range.
    """
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}={value!r}: expected a number, got {type(value).__name__}")
    below = value <= low if open_low else value < low
    above = value >= high if open_high else value > high
    if not math.isfinite(value) or below or above:
        raise ValueError(f"{name}={value!r}: expected {_range(low, high, open_low, open_high)}")
    return value


def whole(name: str, value: Any, *, low: int = 0) -> int:
    """Return ``value`` as an int of at least ``low``, or raise TypeError or ValueError."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}={value!r}: expected an int >= {low}, got {type(value).__name__}")
    if value < low:
        raise ValueError(f"{name}={value!r}: expected an int >= {low}")
    return value


def plain(value: Any) -> Any:
    """A NumPy or torch scalar as the Python number it holds; anything else as it is."""
    item: Callable[[], Any] | None = getattr(value, "item", None)
    return item() if item is not None and getattr(value, "ndim", None) == 0 else value


def _range(low: float, high: float, open_low: bool, open_high: bool) -> str:
    if math.isinf(low) and math.isinf(high):
        return "a finite number"
    if math.isinf(high):
        return f"a finite number {'>' if open_low else '>='} {low:g}"
    if math.isinf(low):
        return f"a finite number {'<' if open_high else '<='} {high:g}"
    return f"a number in {'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
