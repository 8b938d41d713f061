"""Matrices of five-point stencils on a grid, whose pattern is found once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from .family import Vector


class FivePoint:
    """Symmetric five-point matrices on a grid; unknowns in C order, columns run fastest.

    Args:
        rows: Grid points in y.
        columns: Grid points in x.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.shape, self.size = (rows, columns), rows * columns
        at = np.arange(self.size).reshape(rows, columns)
        pairs = [(at, at), (at[:, :-1], at[:, 1:]), (at[:-1], at[1:])]
        pairs += [(second, first) for first, second in pairs[1:]]
        row, column = (np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1))
        numbers = np.arange(1, len(row) + 1)
        pattern: Any = coo_array((numbers, (row, column)), shape=(self.size, self.size)).tocsr()
        self._order: NDArray[np.int64] = pattern.data - 1
        self._indices = pattern.indices.astype(np.int32)
        self._indptr = pattern.indptr.astype(np.int32)

    def matrix(self, centre: Vector, across: Vector, up: Vector) -> csr_array:
        """The matrix of given entries.

        Args:
            centre: Diagonal (rows, columns).
            across: Coupling of neighbours in a row (rows, columns - 1).
            up: Coupling of neighbours in a column (rows - 1, columns).
        """
        sides = (across.ravel(), up.ravel())
        values = np.concatenate([centre.ravel(), *sides, *sides])[self._order]
        return csr_array((values, self._indices, self._indptr), shape=(self.size, self.size))
