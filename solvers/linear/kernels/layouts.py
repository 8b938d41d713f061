"""How a matrix lies in memory for the compiled loops: its rows, or the points of a grid.

Both hold the matrix divided by its diagonal, row by row, and the diagonal apart, so that a sweep
needs no branch and no division and one copy serves every omega and every right-hand side.
Vectors are padded with zeros, so that no loop asks whether a neighbour exists, and to a multiple
of eight, so that loops without a chain take eight numbers at a time.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


def padded(size: int, fill: float) -> Array:
    """An array of at least ``size`` numbers, a multiple of eight."""
    return np.full(-(-size // 8) * 8, fill)


class Rows(NamedTuple):
    """A sparse matrix by rows; unknown i of 0..n-1 stands at position i + 1 of a padded vector.

    The entries beside the diagonal, of columns i - 1 and i + 1, have arrays of their own: the
    sweep then hands its newest value on in a register, and they need no column number. Of the
    others, those right of the diagonal come first and those left of it last.

    Attributes:
        diag: a_ii at i + 1, 1 at the padding.
        sub: a_{i,i-1} / a_ii, 0 where there is none.
        sup: a_{i,i+1} / a_ii, 0 where there is none.
        ptr: Entries ptr[2p] to ptr[2p+1] of position p lie right of the diagonal, those from there
            to ptr[2p+2] left of it.
        col: Positions (column + 1) of the other entries, unsigned.
        val: a_ij / a_ii of the other entries.
    """

    diag: Array
    sub: Array
    sup: Array
    ptr: Array
    col: Array
    val: Array

    @property
    def unknowns(self) -> int:
        """The number of unknowns, n."""
        return (len(self.ptr) - 3) // 2

    def pad(self, x: Array) -> Array:
        """A copy of a vector of n unknowns in this layout."""
        vector = padded(len(x) + 2, 0.0)
        vector[1 : len(x) + 1] = x
        return vector

    def unpad(self, vector: Array) -> Array:
        """The vector of n unknowns, a copy."""
        return vector[1 : self.unknowns + 1].copy()

    def shifted(self, c: float) -> Rows:
        """The same with c added to the diagonal of the matrix."""
        diag = self.diag.copy()
        diag[1 : self.unknowns + 1] += c
        ratio = self.diag / diag
        counts = np.diff(self.ptr[::2].astype(np.int64))
        val = self.val * np.repeat(ratio[: len(counts)], counts)
        return Rows(diag, self.sub * ratio, self.sup * ratio, self.ptr, self.col, val)


class Points(NamedTuple):
    """A 5-point operator on nx times ny points, line by line.

    The coefficients are five numbers or five arrays.
    Point (i, j) stands at position (j + 1)(nx + 1) + i: a zero ends each line, and a line of zeros
    lies before the first and after the last.

    Attributes:
        diag: The coefficient of the point itself; in an array 1 at the padding.
        west: Coefficient of (i - 1, j) divided by ``diag``; likewise the others.
        east: Of (i + 1, j).
        south: Of (i, j - 1).
        north: Of (i, j + 1).
        nx: Points in a line.
        ny: Lines.
    """

    diag: Any
    west: Any
    east: Any
    south: Any
    north: Any
    nx: int
    ny: int

    @property
    def unknowns(self) -> int:
        """The number of unknowns, nx ny."""
        return self.nx * self.ny

    def pad(self, x: Array) -> Array:
        """A copy of a vector of nx ny unknowns in this layout."""
        vector = padded((self.ny + 2) * (self.nx + 1), 0.0)
        self._inside(vector)[:] = x.reshape(self.ny, self.nx)
        return vector

    def unpad(self, vector: Array) -> Array:
        """The vector of nx ny unknowns, a copy."""
        return self._inside(vector).ravel()

    def _inside(self, vector: Array) -> Array:
        stride = self.nx + 1
        lines = vector[stride : stride * (self.ny + 1)].reshape(self.ny, stride)
        return lines[:, :-1]

    def shifted(self, c: float) -> Points:
        """The same with c added to the diagonal of the matrix."""
        diag = self.diag + c
        ratio = self.diag / diag
        west, east, south, north = (side * ratio for side in self[1:5])
        return Points(diag, west, east, south, north, self.nx, self.ny)
