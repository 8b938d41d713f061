"""What to say of a name that nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches


def unknown(what: str, name: str, known: Sequence[str]) -> ValueError:
    """The error to raise: it has the nearest of the known names, and all of them.

    Example:
        >>> print(unknown("task", "digit", ("digits", "fashion")))
        task 'digit': did you mean 'digits'? expected one of digits, fashion
    """
    close = get_close_matches(str(name), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return ValueError(f"{what} {name!r}: {hint}expected one of {', '.join(known)}")
