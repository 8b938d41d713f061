"""What a solve gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._engine import Run, Stop
from .kernels.ends import BREAKDOWN, CONVERGED, DIVERGED


@dataclass(frozen=True, eq=False)
class Solution:
    """A solve's result; x, ``iterations`` and the last residual norm belong to the same iterate.

    Attributes:
        x: The solution, of b's shape.
        iterations: Iterations until the stop, 0 if x0 passed; of several right-hand sides the
            most that one took. One of "ssor" is two sweeps, one of "ssor_cg" a product and two
            triangular solves of a product's cost together.
        converged: Whether the tolerance was met; of several, by all.
        residual_norms: ||b - A x_k||_2 for k = 0..iterations; of several one column each, which
            holds its last value once its own solve has stopped.
        reason: In words, why the solve stopped; of several, why the first that failed did.
        info: As SciPy's: 0 converged, > 0 iterations done without success, -1 divergence,
            -2 breakdown.
        omega: The relaxation factor at the end (``Adaptive`` changes it).
    """

    x: np.ndarray
    iterations: int
    converged: bool
    residual_norms: np.ndarray
    reason: str
    info: int
    omega: float


def of_run(run: Run, stop: Stop, dtype: Any) -> Solution:
    """The Solution of one right-hand side."""
    info = {CONVERGED: 0, DIVERGED: -1, BREAKDOWN: -2}.get(run.end, max(run.iterations, 1))
    return Solution(
        x=run.x.astype(dtype, copy=False),
        iterations=run.iterations,
        converged=run.end == CONVERGED,
        residual_norms=run.norms,
        reason=_reason(run, stop),
        info=info,
        omega=run.omega,
    )


def together(columns: list[Solution], b: np.ndarray) -> Solution:
    """The Solution of several right-hand sides."""
    if not columns:
        return Solution(b.copy(), 0, True, np.zeros((1, 0)), "no right-hand side", 0, np.nan)
    most = max(columns, key=lambda column: column.iterations)
    worst = next((column for column in columns if not column.converged), most)
    norms = [
        np.pad(column.residual_norms, (0, most.iterations - column.iterations), mode="edge")
        for column in columns
    ]
    return Solution(
        x=np.stack([column.x for column in columns], axis=1),
        iterations=most.iterations,
        converged=worst.converged,
        residual_norms=np.stack(norms, axis=1),
        reason=worst.reason,
        info=worst.info,
        omega=most.omega,
    )


def _reason(run: Run, stop: Stop) -> str:
    norm, goal = run.norms[-1], stop.tolerance(run.norms[0])
    if run.end == CONVERGED:
        return f"converged: residual norm {norm:.3g} <= {max(goal, 0.0):.3g}"
    if run.end == DIVERGED:
        return (
            f"diverged: the residual norm became {norm} at iteration {run.iterations}; is A "
            "positive definite (or diagonally dominant)?"
        )
    if run.end == BREAKDOWN:
        return (
            f"breakdown at iteration {run.iterations}: p.Ap or r.z is not positive; A or the "
            "preconditioner is not positive definite"
        )
    if goal < 0:
        return f"did the {run.iterations} iterations asked for: residual norm {norm:.3g}"
    return f"stopped at maxiter={stop.maxiter}: residual norm {norm:.3g} > {goal:.3g}"
