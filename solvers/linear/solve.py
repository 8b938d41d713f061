"""The one entry to all methods."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np

from ...schedules._checks import whole
from . import _checks, _plain
from ._engine import Array, Run, Stop
from ._plain import Callback
from .adaptive import Adaptive
from .kernels.ends import CONVERGED
from .solution import Solution, of_run, together
from .splitting import Splitting
from .stencil import Stencil

Method = Literal["sor", "ssor", "ssor_cg", "cg"]
Sweep = Literal["forward", "backward", "symmetric"]
METHODS = ("sor", "ssor", "ssor_cg", "cg")
SWEEPS = ("forward", "backward", "symmetric")


def solve(
    A: Any,
    b: Any,
    method: Method = "sor",
    omega: float | Adaptive = 1.0,
    *,
    x0: Any = None,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    relative_to: Literal["b", "r0"] = "b",
    sweep: Sweep = "forward",
    callback: Callback | None = None,
) -> Solution:
    """Solve A x = b by relaxation, or by conjugate gradients preconditioned with it.

    A sweep of SOR sets x_i <- x_i + (omega / a_ii)(b_i - sum_j a_ij x_j), each x_j the newest
    value. The solve stops at the first k with ||b - A x_k||_2 <= max(rtol ||b||_2, atol), k = 0
    included; with rtol = atol = 0 exactly ``maxiter`` iterations run. The whole solve is one call
    into compiled code (numba), the residual's norm a by-product of the sweep.

    Args:
        A: Sparse or dense (n, n), ``Splitting`` or ``Stencil``. Of the last two the preparation
            is kept between calls. "ssor_cg" and "cg" need it symmetric positive definite.
        b: (n,), or (n, k): k right-hand sides, solved one by one.
        method: "sor"; "ssor", a forward and a backward sweep per iteration; "ssor_cg", conjugate
            gradients preconditioned by SSOR; "cg", plain conjugate gradients.
        omega: Relaxation factor in (0, 2), or ``Adaptive()`` for "sor". Unused by "cg".
        x0: Starting guess of b's shape; zero if None.
        rtol: Relative tolerance, >= 0.
        atol: Absolute tolerance, >= 0.
        maxiter: Most iterations; 10 n if None, for "sor" and "ssor" at least 10000.
        relative_to: What rtol refers to, ||b|| or ||b - A x0||.
        sweep: Order of the unknowns in "sor"; "symmetric" makes it "ssor".
        callback: Called as callback(x_k) after each iteration. It costs the compiled loop: every
            iteration then returns to Python.

    Returns:
        A ``Solution``. Where relative_to is "b" and b = 0, x is 0, as in SciPy.

    Raises:
        TypeError, ValueError: An argument is not what is described above; nothing was done yet.

    Example:
        >>> import numpy as np
        >>> A = np.array([[4.0, 1.0], [1.0, 3.0]])
        >>> solution = solve(A, np.array([1.0, 2.0]), "sor", 1.1, rtol=1e-10)
        >>> solution.converged, np.round(solution.x, 6)
        (True, array([0.090909, 0.636364]))

    Source: Young (1971), Iterative Solution of Large Linear Systems.
    """
    splitting = prepared(A, b)
    runner = _runner(splitting, method, omega, sweep, callback)
    rhs, start = vectors(splitting, b, x0)
    limits = Limits.read(rtol, atol, maxiter, relative_to, method, len(rhs))
    if rhs.ndim == 1:
        return _one(runner, rhs, start, limits)
    columns = [_one(runner, *column, limits) for column in zip(rhs.T, start.T, strict=True)]
    return together(columns, rhs)


Runner = Callable[[Array, Array, Stop], Run]


class Limits(NamedTuple):
    """The arguments that say when to stop, checked."""

    rtol: float
    atol: float
    maxiter: int
    relative_to: str

    @staticmethod
    def read(
        rtol: Any, atol: Any, maxiter: Any, relative_to: Any, method: str, order: int
    ) -> Limits:
        """Check the arguments of ``solve``; ``order`` is n."""
        rtol, atol = _checks.tolerance("rtol", rtol), _checks.tolerance("atol", atol)
        if relative_to not in ("b", "r0"):
            raise ValueError(f"relative_to={relative_to!r}: expected 'b' or 'r0'")
        if maxiter is not None:
            return Limits(rtol, atol, whole("maxiter", maxiter, high=_checks.MOST), relative_to)
        if rtol == atol == 0:
            raise ValueError("rtol=0, atol=0: nothing would stop the solve; give maxiter")
        least = 0 if method in ("ssor_cg", "cg") else 10_000
        return Limits(rtol, atol, max(10 * order, least), relative_to)

    def stop(self, b: Array) -> Stop:
        """What they mean for one right-hand side."""
        if self.rtol == self.atol == 0:
            return Stop(0.0, -1.0, 0.0, self.maxiter)
        scale = float(np.linalg.norm(b)) if self.relative_to == "b" else -1.0
        return Stop(self.rtol, self.atol, scale, self.maxiter)


def _runner(
    splitting: Splitting, method: str, omega: Any, sweep: str, callback: Callback | None
) -> Runner:
    """The solve of one right-hand side, its settings checked."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback={callback!r}: expected a function of x")
    if method not in METHODS:
        raise ValueError(f"method={method!r}: expected one of {', '.join(METHODS)}")
    if sweep not in SWEEPS:
        raise ValueError(f"sweep={sweep!r}: expected one of {', '.join(SWEEPS)}")
    if sweep != "forward" and method != "sor":
        raise ValueError(f"sweep={sweep!r}: only method='sor' has a choice of sweep")
    if method in ("ssor_cg", "cg"):
        _checks.positive(splitting)
    sweep = "symmetric" if method == "ssor" else sweep
    engine = splitting.engine
    if method == "cg":
        if callback is None:
            return engine.cg
        return lambda b, x, stop: _plain.conjugate(engine.matvec, np.copy, b, x, stop, callback)
    if method == "sor" and sweep != "symmetric" and isinstance(omega, Adaptive):
        factor: Any = omega
    elif isinstance(omega, Adaptive):
        raise ValueError(
            f"omega={omega!r}: its rule is that of one-way sweeps of SOR; give a number here"
        )
    else:
        factor = _checks.relaxation(omega)
    if method == "ssor_cg":
        if callback is None:
            return lambda b, x, stop: engine.ssor_cg(b, x, factor, stop)
        M = partial(engine.precondition, omega=factor)
        return lambda b, x, stop: _plain.conjugate(engine.matvec, M, b, x, stop, callback)
    if callback is None:
        return lambda b, x, stop: engine.relax(b, x, factor, sweep, stop)
    return lambda b, x, stop: _plain.relax(engine, b, x, factor, sweep, stop, callback)


def prepared(A: Any, b: Any) -> Splitting:
    """The Splitting of A; a complex b makes a real matrix complex."""
    if not np.iscomplexobj(_checks.array("b", b)):
        return Splitting.of(A)
    if isinstance(A, Splitting):
        if A.dtype.kind != "c":
            raise TypeError("b is complex and A is real: make the Splitting of A.astype(complex)")
        return A
    entries = A.tocsr() if isinstance(A, Stencil) else A
    return Splitting.of(_checks.matrix(entries).astype(complex))


def vectors(splitting: Splitting, b: Any, x0: Any) -> tuple[Array, Array]:
    """The arrays b and x0 in the dtype of the result."""
    b = np.asarray(b)
    dtype = np.result_type(splitting.dtype, _checks.floating("b", b.dtype))
    rhs = _checks.vector("b", b, splitting.shape[0], dtype)
    if x0 is None:
        return rhs, np.zeros_like(rhs)
    start = _checks.vector("x0", x0, len(rhs), dtype)
    if start.shape != rhs.shape:
        raise ValueError(f"x0: expected shape {rhs.shape}, as b, got {start.shape}")
    return rhs, start


def _one(runner: Runner, b: Array, x: Array, limits: Limits) -> Solution:
    stop = limits.stop(b)
    if stop.scale == 0 and stop.atol >= 0:  # b = 0: x = 0, as SciPy has it
        run = Run(np.zeros_like(b), 0, np.zeros(1), CONVERGED, math.nan)
    else:
        run = runner(b, x, stop)
    return of_run(run, stop, b.dtype)
