"""Checks of arguments: each names the argument, its value, and what is allowed."""

import math
import reprlib
from collections.abc import Callable, Iterable
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
        raise TypeError(f"{name}={shown(value)}: expected a number, got {type(value).__name__}")
    below = value <= low if open_low else value < low
    above = value >= high if open_high else value > high
    if not _finite(value) or below or above:
        allowed = _range(low, high, open_low, open_high)
        raise ValueError(f"{name}={shown(value)}: expected {allowed}")
    return value


def whole(name: str, value: Any, *, low: int = 0, high: float = math.inf) -> int:
    """Return ``value`` as an int in the range, or raise TypeError or ValueError."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int):
        kind = type(value).__name__
        raise TypeError(f"{name}={shown(value)}: expected an int >= {low}, got {kind}")
    if value < low:
        raise ValueError(f"{name}={shown(value)}: expected an int >= {low}")
    if value > high:
        raise ValueError(f"{name}={shown(value)}: expected an int from {low} to {high}")
    return value


def one_of(name: str, value: Any, known: Iterable[str]) -> None:
    """ValueError where a word is none of those known."""
    words = tuple(known)
    if not isinstance(value, str) or value not in words:
        raise ValueError(f"{name}={shown(value)}: expected one of {', '.join(words)}")


def finite_or_not(cost: Any) -> float:
    """``cost`` as a number, which may be NaN or infinite; TypeError where it is none."""
    if type(cost) is float:
        return cost
    found = plain(cost)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TypeError(f"cost={shown(cost)}: expected a number, got {type(cost).__name__}")
    if isinstance(found, int) and not _finite(found):  # no float holds it
        return math.inf if found > 0 else -math.inf
    return found


def shown(value: Any, most: int = 100) -> str:
    """A value as it may stand in a message: not endless, whatever it is."""
    try:
        text = repr(value)
    except RecursionError:  # nested a thousand deep
        text = reprlib.repr(value)
    return text if len(text) <= most else f"{text[: most - 20]}... ({len(text)} characters)"


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


def _finite(value: float) -> bool:
    """Whether it is a number that a float can hold; an int may be too large."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
