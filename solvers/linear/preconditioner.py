"""SSOR as a preconditioner for other people's solvers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from . import _checks
from ._engine import Array
from .splitting import Splitting


def ssor_preconditioner(A: Any, omega: float = 1.0) -> LinearOperator:
    """The inverse of M = omega/(2 - omega) (D/omega + L) D^-1 (D/omega + U), as an operator.

    For SciPy's own solvers, which want an approximate inverse: ``cg(A, b, M=ssor_preconditioner(A,
    1.5))``. An application is two triangular solves. ``ssor_cg`` is the same method at about half
    the price of an iteration (Eisenstat's trick), so prefer it where it fits.

    Args:
        A: Sparse or dense (n, n), ``Splitting`` or ``Stencil``; symmetric with positive diagonal.
        omega: Relaxation factor in (0, 2).

    Raises:
        TypeError, ValueError: A is not such a matrix (symmetry is tested by two products), or
            omega lies outside.

    Example:
        >>> import numpy as np
        >>> M = ssor_preconditioner(np.diag([2.0, 4.0]))
        >>> M @ np.ones(2)
        array([0.5 , 0.25])
    """
    splitting, omega = Splitting.of(A), _checks.relaxation(omega)
    _checks.positive(splitting)

    def apply(r: Array) -> Array:
        r = np.asarray(r).ravel()
        if r.dtype.kind == "c" and splitting.dtype.kind != "c":
            return apply(np.real(r)) + 1j * apply(np.imag(r))
        x = splitting.engine.precondition(r, omega)
        return x.astype(np.result_type(r.dtype, splitting.dtype), copy=False)

    # It is symmetric (Hermitian), so that the adjoint is the operator itself.
    make: Any = LinearOperator
    return make(splitting.shape, matvec=apply, rmatvec=apply, dtype=splitting.dtype)
