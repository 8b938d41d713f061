"""Systems as they come: families, lists, iterators, generators that receive solutions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ._context import scalar_context


class Stream:
    """Systems from number ``start`` on.

    Args:
        systems: A family (with ``systems(start, x)``), or any iterable; of an iterable the first
            ``start`` are passed over.
        start: Number of the first.
        x: Solution of the system before it, if known.
    """

    def __init__(self, systems: Any, start: int, x: Any) -> None:
        family = getattr(systems, "systems", None)
        if family is None and not hasattr(systems, "__iter__"):
            raise TypeError(f"systems={systems!r}: expected an iterable of (A, b, context)")
        self._walk: Iterator[Any] = iter(systems) if family is None else family(start, x)
        if family is None:
            passed = sum(1 for _ in itertools.islice(self._walk, start))
            if passed < start:
                raise ValueError(f"systems: {passed} of them, the checkpoint has {start} solved")
        # A generator that has not begun takes no value; one that was passed over is under way.
        self._takes = hasattr(self._walk, "send")
        self._begun = family is None and start > 0

    def next(self, x: Any) -> tuple[Any, Any, Any] | None:
        """The next (A, b, context), given the solution of the one before; None at the end."""
        try:
            walk: Any = self._walk
            item = walk.send(x) if self._takes and self._begun else next(walk)
        except StopIteration:
            return None
        self._begun = True
        return _system(item)


def _system(item: Any) -> tuple[Any, Any, Any]:
    """A, b and the context, None where there is none."""
    parts = tuple(item) if isinstance(item, tuple | list) else ()
    if len(parts) not in (2, 3):
        raise TypeError(f"expected (A, b) or (A, b, context), got {type(item).__name__}")
    A, b, context = (*parts, None)[:3]
    return A, np.asarray(b), None if context is None else scalar_context(context)
