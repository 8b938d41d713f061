"""Names that are asked for, and what to say of one that nobody knows."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
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


def known(what: str, names: Iterable[str]) -> Callable[[str], str]:
    """The ``type`` of an argument of argparse that is one of these names.

    For ``nargs="*"``: with ``choices`` argparse refuses to be given none of them.

    Example:
        >>> parser = argparse.ArgumentParser()
        >>> _ = parser.add_argument("sets", nargs="*", type=known("SET", ("iris", "wine")))
        >>> parser.parse_args([]).sets, parser.parse_args(["wine"]).sets
        ([], ['wine'])
    """
    listed = tuple(names)

    def read(name: str) -> str:
        if name not in listed:
            raise argparse.ArgumentTypeError(str(unknown(what, name, listed)))
        return name

    return read
