"""A schedule given by its values."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..schedule import Array, Schedule
from ._progress import progress


@dataclass(frozen=True)
class Tabulated(Schedule):
    """Linear interpolation in a table that spans the run.

    m(t, T) interpolates ``values``, which sit at t/T = 0, 1/(n-1), ..., 1; the end values hold
    outside. One value is a constant.

    Args:
        table: Multipliers, n >= 1 of them, finite, >= 0: a tuple or any array, kept as a tuple.

    Example:
        >>> Tabulated((1, 0.5, 0))(25, total_steps=100)
        0.75

    Source: the resampling of refined schedules, arXiv:2310.07831.
    """

    name: ClassVar[str] = "tabulated"

    table: tuple[float, ...] | Array

    def __post_init__(self) -> None:
        try:
            found = np.asarray(self.table)
        except ValueError:  # rows of different lengths
            found = np.empty(0)
        if found.ndim != 1 or found.size == 0 or found.dtype.kind not in "iuf":
            raise ValueError(f"table={reprlib.repr(self.table)}: expected one or more numbers")
        bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
        if bad.size:
            raise ValueError(f"table[{bad[0]}]={found[bad[0]]}: expected finite numbers >= 0")
        self._settle(table=tuple(found.tolist()))

    @cached_property
    def _knots(self) -> tuple[Array, Array]:
        return np.linspace(0.0, 1.0, len(self.table)), np.array(self.table, dtype=np.float64)

    def _at(self, t: Array, T: float) -> Array:
        return np.interp(progress(t, T), *self._knots)
