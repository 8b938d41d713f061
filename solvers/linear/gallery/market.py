"""Matrices from Matrix Market files, as the SuiteSparse collection gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import mmread
from scipy.sparse import csr_array


def read_matrix(path: str | Path) -> csr_array:
    """A real square matrix from a Matrix Market file, ``.mtx`` or ``.mtx.gz``.

    Symmetric ones, of which the file holds one triangle, are given whole.

    Returns:
        The matrix (n, n), float64, indices sorted.

    Raises:
        ValueError: the file holds something else.
        OSError: it cannot be read.
    """
    matrix: Any = csr_array(mmread(path))
    if np.iscomplexobj(matrix.data):
        raise ValueError(f"{path}: expected a real matrix")
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{path}: expected a square matrix, got {matrix.shape}")
    matrix.sort_indices()
    return matrix.astype(np.float64)
