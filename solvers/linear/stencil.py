"""A 5-point operator on a grid, without a matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from ...schedules._checks import number, whole
from . import _checks
from ._engine import Array, have_numba
from ._superlu import SuperLU
from .kernels.layouts import Points

if TYPE_CHECKING:
    from .splitting import Splitting

NAMES = ("center", "west", "east", "south", "north")


@dataclass(frozen=True, eq=False)
class Stencil:
    """A 5-point operator on a grid of ``shape`` (lines, points in a line), zero outside.

    Row (j, i) of the matrix holds ``center`` for the unknown (j, i) itself, ``west`` for (j, i-1),
    ``east`` for (j, i+1), ``south`` for (j-1, i) and ``north`` for (j+1, i); unknowns are numbered
    in C order, i fastest. Accepted wherever A is; the sweeps then read no matrix (constant
    coefficients) or one without column numbers. Symmetric if ``east`` of a point is ``west`` of
    the next, and ``north`` is ``south`` of the one above.

    Args:
        shape: Grid (lines, points in a line).
        center: A number, or an array of ``shape`` with a value for each point; nowhere zero.
        west: Likewise, as the following. What points outside the grid is ignored.
        east: The coefficient of the next point in the line.
        south: Of the point in the line before.
        north: Of the point in the next line.

    Raises:
        TypeError: A coefficient holds no real numbers, or ``shape`` is no pair of ints.
        ValueError: A coefficient has the wrong shape, is not finite, or ``center`` is zero or tiny.

    Example:
        >>> Stencil.laplacian(2, 2).tocsr().toarray()
        array([[ 4., -1., -1.,  0.],
               [-1.,  4.,  0., -1.],
               [-1.,  0.,  4., -1.],
               [ 0., -1., -1.,  4.]])
    """

    shape: tuple[int, int]
    center: Any
    west: Any
    east: Any
    south: Any
    north: Any

    def __post_init__(self) -> None:
        """Check, and bring the coefficients to one kind: five numbers or five arrays."""
        if not isinstance(self.shape, tuple | list) or len(self.shape) != 2:  # pyright: ignore[reportUnnecessaryIsInstance, reportUnnecessaryComparison]
            raise TypeError(f"shape={self.shape!r}: expected (lines, points in a line)")
        names = ("lines", "points in a line")
        sizes = (whole(f"shape, {n}", k, low=1) for n, k in zip(names, self.shape, strict=True))
        object.__setattr__(self, "shape", tuple(sizes))
        values = [getattr(self, name) for name in NAMES]
        if all(_checks.array(n, v).ndim == 0 for n, v in zip(NAMES, values, strict=True)):
            read = [float(number(n, v)) for n, v in zip(NAMES, values, strict=True)]
        else:
            read = [self._array(n, v) for n, v in zip(NAMES, values, strict=True)]
        for name, value in zip(NAMES, read, strict=True):
            object.__setattr__(self, name, value)
        sides = np.stack([np.abs(np.broadcast_to(v, self.shape)) for v in read[1:]]).max(axis=0)
        center = np.broadcast_to(read[0], self.shape)
        _checks.apart(center.ravel(), np.maximum(sides, np.abs(center) / 2).ravel())

    @staticmethod
    def laplacian(lines: int, points: int, shift: float = 0.0) -> Stencil:
        """The negative 5-point Laplacian (4 and -1, unscaled) plus ``shift`` times the identity."""
        return Stencil((lines, points), 4.0 + number("shift", shift), -1.0, -1.0, -1.0, -1.0)

    @property
    def order(self) -> int:
        """The number of unknowns."""
        return self.shape[0] * self.shape[1]

    def shifted(self, c: float) -> Stencil:
        """The Stencil of A + c I."""
        return replace(self, center=self.center + number("c", c))

    def tocsr(self) -> sp.csr_array:
        """The matrix."""
        center, west, east, south, north = (
            np.broadcast_to(getattr(self, name), self.shape) for name in NAMES
        )
        at = np.arange(self.order).reshape(self.shape)
        right, left, up, down = at[:, 1:], at[:, :-1], at[1:], at[:-1]
        rows = [at, right, left, up, down]
        columns = [at, left, right, down, up]
        values = [center, west[:, 1:], east[:, :-1], south[1:], north[:-1]]
        data, row, column = (
            np.concatenate([part.ravel() for part in parts]) for parts in (values, rows, columns)
        )
        matrix: Any = sp.coo_array((data, (row, column)), shape=(self.order, self.order))
        return matrix.tocsr()

    @cached_property
    def splitting(self) -> Splitting:
        """What the solvers work on, made once."""
        from .splitting import Splitting

        shape, dtype = (self.order, self.order), np.dtype(np.float64)
        if not have_numba():
            return Splitting(shape, dtype, SuperLU(self.tocsr()))
        from ._compiled import Compiled

        return Splitting(shape, dtype, Compiled(self._layout()))

    def _layout(self) -> Points:
        lines, points = self.shape
        sides = [getattr(self, name) / self.center for name in NAMES[1:]]
        west, east, south, north = sides
        grid = Points(self.center, west, east, south, north, points, lines)
        if np.ndim(self.center) == 0:
            return grid
        diag = grid.pad(self.center - 1.0) + 1.0  # 1 at the padding
        west, east, south, north = map(grid.pad, sides)
        return Points(diag, west, east, south, north, points, lines)

    def _array(self, name: str, value: Any) -> Array:
        array = _checks.real(name, value)
        if array.ndim and array.shape != self.shape:
            raise ValueError(f"{name}: expected a number or shape {self.shape}, got {array.shape}")
        array = np.broadcast_to(array, self.shape).copy()
        array.flags.writeable = False
        return array
