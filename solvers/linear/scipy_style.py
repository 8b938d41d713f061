"""The solvers as functions that are called like SciPy's ``cg``."""

from __future__ import annotations

from functools import partial
from typing import Any

from scipy.sparse.linalg import LinearOperator

from . import _checks
from ._engine import Array
from ._plain import Callback
from .adaptive import Adaptive
from .operator_cg import operator_cg, start
from .solve import prepared, solve, vectors


def sor(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    omega: float | Adaptive = 1.0,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    callback: Callback | None = None,
) -> tuple[Array, int]:
    """Solve A x = b by successive over-relaxation, forward sweeps.

    Stops when ||b - A x|| <= max(rtol ||b||, atol); rtol = atol = 0 runs exactly ``maxiter``
    sweeps. Converges for every omega in (0, 2) if A is symmetric positive definite.

    Args:
        A: Sparse or dense (n, n), ``Splitting`` or ``Stencil``.
        b: (n,), or (n, k).
        x0: Starting guess; zero if None.
        omega: Relaxation factor in (0, 2), or ``Adaptive()``.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
        maxiter: Most sweeps; 10 n, but at least 10000, if None.
        callback: callback(x_k) after each sweep; it leaves the compiled loop.

    Returns:
        x and info: 0 converged, > 0 the sweeps done without success, < 0 divergence.

    Raises:
        TypeError, ValueError: An argument is not what is described above.

    Example:
        >>> import numpy as np
        >>> from ritard.solvers.linear import Stencil
        >>> x, info = sor(Stencil.laplacian(10, 10), np.ones(100), omega=1.56)
        >>> info
        0

    Source: Young (1954), Iterative methods for solving partial difference equations of elliptic
    type, Trans. AMS 76.
    """
    return _pair(A, b, x0, "sor", omega, rtol, atol, maxiter, callback)


def ssor(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    omega: float = 1.0,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    callback: Callback | None = None,
) -> tuple[Array, int]:
    """Solve A x = b by symmetric SOR: each iteration a forward and a backward sweep.

    Arguments and results are those of ``sor``, an iteration being two sweeps; ``omega`` is a
    number. As a solver it is rarely better than ``sor``; as a preconditioner see ``ssor_cg``.

    Example:
        >>> import numpy as np
        >>> from ritard.solvers.linear import Stencil
        >>> x, info = ssor(Stencil.laplacian(10, 10), np.ones(100), omega=1.5)
        >>> info
        0
    """
    return _pair(A, b, x0, "ssor", omega, rtol, atol, maxiter, callback)


def ssor_cg(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    omega: float = 1.0,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callback | None = None,
) -> tuple[Array, int]:
    """Solve A x = b by conjugate gradients preconditioned by SSOR; called as SciPy's ``cg``.

    Differs from ``scipy.sparse.linalg.cg`` in this: (1) the preconditioner is SSOR with ``omega``
    unless M is given; (2) the test is <=, not <; (3) a last iteration that reaches the tolerance
    counts as success; (4) breakdown and divergence give info < 0; (5) A must look symmetric, which
    two products test. With M, or with a LinearOperator A, which is solved by plain CG, it is
    SciPy's method otherwise.

    Args:
        A: Symmetric (Hermitian) positive definite: sparse or dense (n, n), ``Splitting``,
            ``Stencil``, or a LinearOperator.
        b: (n,) or (n, 1); without M also (n, k).
        x0: Starting guess; zero if None, M b if "Mb".
        omega: Relaxation factor in (0, 2).
        rtol: Relative tolerance.
        atol: Absolute tolerance.
        maxiter: Most iterations; 10 n if None.
        M: Takes the place of the SSOR preconditioner: approximates the inverse of A.
        callback: callback(x_k) after each iteration; it leaves the compiled loop.

    Returns:
        x and info: 0 converged, > 0 the iterations done without success, < 0 divergence (-1) or
        breakdown (-2).

    Raises:
        TypeError, ValueError: An argument is not what is described above.

    Example:
        >>> import numpy as np
        >>> from ritard.solvers.linear import Stencil
        >>> x, info = ssor_cg(Stencil.laplacian(10, 10), np.ones(100), omega=1.5)
        >>> info
        0

    Source: Axelsson (1972), A generalized SSOR method, BIT 12; Eisenstat (1981), see
    ``kernels.conjugate``.
    """
    if M is not None or isinstance(A, LinearOperator):
        return operator_cg(A, b, x0, M, rtol, atol, maxiter, callback)
    if isinstance(x0, str):
        splitting, factor = prepared(A, b), _checks.relaxation(omega)
        rhs, _ = vectors(splitting, b, None)
        x0 = start(x0, rhs, partial(splitting.engine.precondition, omega=factor))
        return _pair(splitting, b, x0, "ssor_cg", omega, rtol, atol, maxiter, callback)
    return _pair(A, b, x0, "ssor_cg", omega, rtol, atol, maxiter, callback)


def _pair(
    A: Any, b: Any, x0: Any, method: Any, omega: Any, rtol: Any, atol: Any, maxiter: Any, call: Any
) -> tuple[Array, int]:
    solution = solve(
        A, b, method, omega, x0=x0, rtol=rtol, atol=atol, maxiter=maxiter, callback=call
    )
    return solution.x, solution.info
