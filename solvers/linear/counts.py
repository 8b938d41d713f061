"""Tables of iteration counts, the raw material of comparisons between tuners."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...schedules._checks import number, whole
from . import _checks
from ._engine import Array, have_numba
from .solve import solve
from .stencil import Stencil


def count_sor(
    stencil: Stencil,
    shifts: Any,
    omegas: Any,
    bs: Any,
    *,
    rtol: float = 1e-8,
    maxiter: int = 10_000,
) -> Array:
    """Sweeps of SOR for a family of small systems and several omegas, eight solves at a time.

    Row t, column j is the number of iterations of
    ``solve(stencil.shifted(shifts[t]), bs[t], "sor", omega, rtol=rtol, relative_to="r0",
    maxiter=maxiter)`` with omega = omegas[j] or omegas[t, j], started from zero; the same number,
    exactly, several times sooner, since solves share each instruction of the processor. It is
    meant for grids that fit the first cache (a few hundred points). The GIL is released, so
    threads can share a long table.

    Args:
        stencil: With constant coefficients.
        shifts: (T,), added to the diagonal.
        omegas: (d,), the same for all, or (T, d); each in (0, 2).
        bs: Right-hand sides (T, n).
        rtol: Tolerance relative to ||b||, > 0.
        maxiter: Most sweeps; also the count of a solve that does not converge.

    Returns:
        int64 array (T, d).

    Raises:
        TypeError, ValueError: An argument is not what is described above.

    Example:
        >>> grid = Stencil.laplacian(10, 10)
        >>> count_sor(grid, [0.0, 0.45], [1.0, 1.5], np.ones((2, 100)))
        array([[223,  62],
               [ 64,  30]])
    """
    if not isinstance(stencil, Stencil):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"stencil={type(stencil).__name__}: expected a Stencil")
    if np.ndim(stencil.center):
        raise ValueError("stencil: expected constant coefficients")
    shifts, bs = _checks.real("shifts", shifts), np.ascontiguousarray(_checks.real("bs", bs))
    if shifts.ndim != 1 or bs.shape != (len(shifts), stencil.order):
        raise ValueError(
            f"expected shifts (T,) and bs (T, {stencil.order}), got {shifts.shape} and {bs.shape}"
        )
    _checks.apart(stencil.center + shifts, np.full(len(shifts), abs(stencil.center)), "problem")
    omegas = _omegas(omegas, len(shifts))
    rtol = number("rtol", rtol, low=0, open_low=True)
    maxiter = whole("maxiter", maxiter, high=_checks.MOST)
    counts = np.zeros(omegas.shape, np.int64)
    if not have_numba():
        return _one_by_one(stencil, shifts, omegas, bs, rtol, maxiter, counts)
    from .kernels.lanes import count

    lines, points = stencil.shape
    sides = (stencil.west, stencil.east, stencil.south, stencil.north)
    count((points, lines, stencil.center, *sides), shifts, omegas, bs, rtol, maxiter, counts)
    return counts


def _omegas(omegas: Any, problems: int) -> Array:
    array = _checks.real("omegas", omegas)
    if not array.ndim or array.ndim > 2 or (array.ndim == 2 and len(array) != problems):
        raise ValueError(f"omegas: expected shape (d,) or ({problems}, d), got {array.shape}")
    if not ((array > 0) & (array < 2)).all():
        bad = array[~((array > 0) & (array < 2))][0]
        raise ValueError(f"omegas: expected numbers in (0, 2), got {bad}")
    return np.ascontiguousarray(np.broadcast_to(array, (problems, array.shape[-1])))


def _one_by_one(
    stencil: Stencil,
    shifts: Array,
    omegas: Array,
    bs: Array,
    rtol: float,
    maxiter: int,
    counts: Array,
) -> Array:
    for t, shift in enumerate(shifts):
        A = stencil.shifted(float(shift))
        for j, omega in enumerate(omegas[t]):
            solution = solve(A, bs[t], "sor", omega, rtol=rtol, maxiter=maxiter, relative_to="r0")
            counts[t, j] = solution.iterations if solution.converged else maxiter
    return counts
