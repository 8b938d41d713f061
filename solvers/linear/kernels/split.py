# type: ignore  # Compiled by numba, which ships no annotations.
"""From the three arrays of a CSR matrix to ``Rows``, in one pass of compiled code."""

from __future__ import annotations

import numpy as np

from .compile import outer
from .layouts import Array, Rows, padded


@outer
def split(indptr, indices, data, diagonal, sub, sup, ptr, col, val):
    """Fill the arrays of ``Rows``; return the number of entries away from the diagonal.

    The matrix has sorted columns without duplicates and ``diagonal`` holds no zero.
    """
    n = len(indptr) - 1
    q = 0
    for i in range(n):
        d = diagonal[i]
        begin, end = indptr[i], indptr[i + 1]
        middle = begin
        while middle < end and indices[middle] <= i:
            middle += 1
        for k in range(middle, end):
            if indices[k] == i + 1:
                sup[i + 1] = data[k] / d
            elif data[k] != 0.0:
                col[q], val[q], q = indices[k] + 1, data[k] / d, q + 1
        ptr[2 * i + 3] = q
        for k in range(begin, middle):
            if indices[k] == i - 1:
                sub[i + 1] = data[k] / d
            elif indices[k] < i and data[k] != 0.0:
                col[q], val[q], q = indices[k] + 1, data[k] / d, q + 1
        ptr[2 * i + 4] = q
    return q


def rows_of(indptr: Array, indices: Array, data: Array, diagonal: Array) -> Rows:
    """The layout of a canonical CSR matrix."""
    n = len(diagonal)
    diagonal = diagonal.astype(np.float64)  # float32 entries are divided in float64
    size = np.uint32 if max(len(data), 2 * n + 3) < 2**32 else np.uint64
    ptr, col = np.zeros(2 * n + 3, size), np.empty(len(data), size)
    sub, sup, diag = padded(n + 2, 0.0), padded(n + 2, 0.0), padded(n + 2, 1.0)
    diag[1 : n + 1] = diagonal
    val = np.empty(len(data))
    q = split(indptr, indices, data, diagonal, sub, sup, ptr, col, val)
    return Rows(diag, sub, sup, ptr, col[:q], val[:q])  # what was not touched takes no memory
