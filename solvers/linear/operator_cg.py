"""Conjugate gradients for what can only be applied: operators, and preconditioners of all kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse.linalg import aslinearoperator

from . import _checks, _plain
from ._engine import Array
from ._plain import Apply, Callback
from .solution import of_run
from .solve import Limits, prepared
from .splitting import Splitting
from .stencil import Stencil


def operator_cg(
    A: Any,
    b: Any,
    x0: Any,
    M: Any,
    rtol: float,
    atol: float,
    maxiter: int | None,
    callback: Callback | None,
) -> tuple[Array, int]:
    """``ssor_cg`` where A or the preconditioner is an operator; one right-hand side."""
    matvec, order, kind = _operator(A, b)
    b = _checks.array("b", b)
    dtype = np.result_type(kind, _checks.floating("b", b.dtype))
    rhs = _checks.vector("b", b, order, dtype)
    if rhs.ndim == 2 and rhs.shape[1] != 1:
        raise ValueError(f"b: expected shape ({order},) or ({order}, 1) here, got {rhs.shape}")
    precondition = _preconditioner(A, M, order)
    limits = Limits.read(rtol, atol, maxiter, "b", "cg", order)
    stop = limits.stop(rhs)
    if stop.scale == 0 and stop.atol >= 0:
        return np.zeros_like(rhs), 0
    x0 = start(x0, rhs, precondition)
    x = np.zeros_like(rhs) if x0 is None else _checks.vector("x0", x0, order, dtype)
    run = _plain.conjugate(
        matvec, precondition, rhs.ravel(), x.ravel(), stop, callback or _plain.silent
    )
    solution = of_run(run, stop, dtype)
    return solution.x.reshape(rhs.shape), solution.info


def start(x0: Any, b: Array, precondition: Apply) -> Any:
    """SciPy's ``x0="Mb"`` is the preconditioned right-hand side; anything else stays as it is."""
    if not isinstance(x0, str):
        return x0
    if x0 != "Mb":
        raise ValueError(f"x0={x0!r}: expected an array, None, or 'Mb'")
    columns = b.reshape(len(b), -1).T
    found = np.array([precondition(column) for column in columns])
    return found.reshape(columns.shape).T.reshape(b.shape)


def _operator(A: Any, b: Any) -> tuple[Apply, int, np.dtype[Any]]:
    """The product, the order and the dtype of A; a complex b makes a real Stencil complex."""
    if isinstance(A, Splitting | Stencil):
        splitting = prepared(A, b)
        return splitting.engine.matvec, splitting.shape[0], splitting.dtype
    operator: Any = aslinearoperator(A)
    if operator.shape[0] != operator.shape[1]:
        raise ValueError(f"A: expected a square operator, got shape {operator.shape}")
    kind = np.dtype(np.float32) if operator.dtype is None else operator.dtype
    return operator.matvec, operator.shape[0], _checks.floating("A", kind)


def _preconditioner(A: Any, M: Any, order: int) -> Apply:
    """M, or what an operator brings along in SciPy's old attribute ``psolve``, or nothing."""
    if M is None:
        return getattr(A, "psolve", np.copy)
    operator: Any = aslinearoperator(M)
    if operator.shape != (order, order):
        raise ValueError(f"M: expected shape {(order, order)}, as A, got {operator.shape}")
    return operator.matvec
