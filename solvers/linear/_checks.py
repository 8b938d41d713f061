"""Checks of linear systems: each names what is wrong, and where."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from ...schedules._checks import number, plain, shown
from ._engine import Array

KINDS = "fdFD"
EPSILON = float(np.finfo(np.float64).eps)
MOST = int(np.iinfo(np.int64).max)
"""The largest number that a compiled loop can count to."""


def matrix(A: Any) -> Any:
    """A as a square, finite CSR array with sorted columns and no duplicates; A stays as it is."""
    if isinstance(A, LinearOperator):
        raise TypeError(
            "A is a LinearOperator, whose entries cannot be read: pass a sparse or dense matrix, a "
            "Splitting or a Stencil (ssor_cg solves a LinearOperator by plain CG)"
        )
    entries: Any = A if sp.issparse(A) else array("A", A)
    shape = entries.shape
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
        raise ValueError(f"A: expected a square matrix, got shape {shape}")
    csr: Any = sp.csr_array(entries.astype(floating("A", entries.dtype), copy=False))
    if not csr.has_canonical_format:
        csr = csr.copy()
        csr.sum_duplicates()
    if not np.isfinite(csr.data).all():
        k = int(np.argmin(np.isfinite(csr.data)))
        row = int(np.searchsorted(csr.indptr, k, side="right")) - 1
        raise ValueError(f"A: entry ({row}, {int(csr.indices[k])}) is {csr.data[k]}")
    return csr


def array(name: str, value: Any) -> Array:
    """Anything that NumPy makes an array of; TypeError or ValueError where there is none."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}: expected an array, got rows that do not match") from error
    except (TypeError, RuntimeError) as error:  # of a torch tensor that NumPy cannot read
        raise TypeError(f"{name}: {error}") from error


def real(name: str, value: Any) -> Array:
    """A finite array of float64."""
    found = array(name, value)
    if found.dtype.kind not in "biuf":
        raise TypeError(f"{name}: expected real numbers, got dtype {found.dtype}")
    return finite(name, found.astype(np.float64, copy=False))


def finite(name: str, found: Array) -> Array:
    """The array, unless an entry is NaN or infinite."""
    if not np.isfinite(found).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(found))[0])
        where = f": entry {', '.join(map(str, at))} is " if at else "="
        raise ValueError(f"{name}{where}{found[at]}")
    return found


def floating(name: str, dtype: Any) -> np.dtype[Any]:
    """The dtype to compute in: itself if SciPy's solvers know it, float64 for other numbers."""
    dtype = np.dtype(dtype)
    if dtype.char in KINDS:
        return dtype
    if dtype.kind in "biuf":
        return np.dtype(np.float64)
    raise TypeError(f"{name}: expected numbers, got dtype {dtype}")


def diagonal(csr: Any) -> Array:
    """The diagonal, of which no entry is zero or tiny beside its row."""
    d = csr.diagonal()
    size, largest = np.abs(d), _largest(csr.data)
    beside = np.zeros_like(size)
    for row in np.flatnonzero(size <= EPSILON * largest):
        beside[row] = np.abs(csr.data[csr.indptr[row] : csr.indptr[row + 1]]).max(initial=0.0)
    apart(d, beside)
    return d


def _largest(data: Array) -> float:
    """The largest modulus, without a copy of real data."""
    if data.dtype.kind == "c" or not len(data):
        return float(np.abs(data).max(initial=0.0))
    return float(max(data.max(), -data.min()))


def apart(d: Array, beside: Array, where: str = "row") -> None:
    """Refuse a diagonal with an entry that is zero, or tiny beside what its row holds."""
    for row in np.flatnonzero(np.abs(d) <= EPSILON * beside):
        what = "zero" if d[row] == 0 else f"tiny ({d[row]:.3g})"
        raise ValueError(
            f"A: the diagonal entry of {where} {row} is {what}; relaxation divides by it"
        )


def columns(name: str, value: Any, order: int, dtype: Any) -> Array:
    """A vector of ``order`` numbers, or an array of columns; as ``dtype``, maybe a view."""
    found = array(name, value)
    if found.shape[:1] != (order,) or found.ndim > 2:
        raise ValueError(f"{name}: expected shape ({order},) or ({order}, k), got {found.shape}")
    if found.dtype.kind not in "biufc":
        raise TypeError(f"{name}: expected numbers, got dtype {found.dtype}")
    if found.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        raise TypeError(f"{name} is complex, while the system is real")
    return found.astype(dtype, copy=False)


def vector(name: str, value: Any, order: int, dtype: Any) -> Array:
    """The same, finite."""
    return finite(name, columns(name, value, order, dtype))


def tolerance(name: str, value: Any) -> float:
    """A number >= 0, infinity allowed as in SciPy."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"{name}={shown(value)}: expected a number >= 0")
    try:
        return float(value)
    except OverflowError:  # an int that no float holds
        return math.inf


def relaxation(omega: Any) -> float:
    """A relaxation factor: a number strictly between 0 and 2."""
    return float(number("omega", omega, low=0, high=2, open_low=True, open_high=True))


def positive(splitting: Any) -> None:
    """Refuse a matrix that cannot be symmetric positive definite."""
    d = splitting.diagonal
    if not (d.real > 0).all():
        row = int(np.argmin(d.real > 0))
        raise ValueError(
            f"A: the diagonal entry of row {row} is {d[row]:.3g}; conjugate gradients need a "
            "positive definite matrix"
        )
    if not splitting.is_symmetric:
        raise ValueError("A is not symmetric (u.Av and Au.v differ); conjugate gradients need it")
