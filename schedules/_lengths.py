"""Lengths of phases: a fraction of the run, or a count of the budget's unit."""

from fractions import Fraction
from functools import lru_cache
from typing import Any

from ._checks import plain, shown

Length = float
"""A float in (0, 1) is a fraction of the run; an int >= 0 counts the budget's unit."""


def length(name: str, value: Any, low: int = 0) -> Length:
    """Return a valid phase length, a count of at least ``low``, or raise.

    Raises:
        TypeError: not a number.
        ValueError: a float outside (0, 1), or an int below ``low``.
    """
    value, allowed = plain(value), _ALLOWED.format(low)
    if isinstance(value, int) and not isinstance(value, bool):
        if low <= value <= MOST:
            return value
    elif isinstance(value, float):
        if 0.0 < value < 1.0:
            return value
    else:
        raise TypeError(f"{name}={shown(value)}: expected {allowed}, got {type(value).__name__}")
    raise ValueError(f"{name}={shown(value)}: expected {allowed}")


def lengths(name: str, values: Any) -> tuple[Length, ...]:
    """Return a tuple of valid lengths, or raise TypeError or ValueError."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        allowed = _ALLOWED.format(0)
        raise TypeError(f"{name}={shown(values)}: expected a tuple, each entry {allowed}")
    return tuple(length(name, value) for value in values)


MOST = 2**63 - 1
"""More than this nothing counts: a length is turned into a float."""

_ALLOWED = "a fraction of the run (a float in (0, 1)) or a count (an int >= {})"


@lru_cache(maxsize=1024, typed=True)  # 1 counts a unit, 1.0 is the whole run
def resolve(value: Length, total: float) -> float:
    """The length in the budget's unit, for a run of ``total``.

    A fraction is taken as the decimal it was written as: 29 % of 100 is 29, not
    28.999999999999996. The result stays a real number; nothing is rounded to steps.
    """
    if isinstance(value, int):
        return float(value)
    return float(Fraction(repr(value)) * Fraction(total))


def fit(name: str, value: Length, total: float) -> float:
    """:func:`resolve`, refusing what is longer than the run (ValueError)."""
    resolved = resolve(value, total)
    if resolved > total:
        raise ValueError(f"{name}={value!r} does not fit: the run it is part of is {total:g} long")
    return resolved
