# type: ignore  # Compiled by numba, which ships no annotations.
"""The whole solve by SOR or SSOR in compiled code, one call for many sweeps."""

from __future__ import annotations

import math
from typing import Any

from . import control as control_
from . import ends
from .compile import inner, outer
from .control import EXPONENT, OMEGA, SCALE
from .ends import EXHAUSTED, RUNNING
from .sweep import backward, forward, residual

FORWARD, BACKWARD, SYMMETRIC = range(3)


tolerance, verdict = inner(ends.tolerance), inner(ends.verdict)
adapt = inner(control_.adapt)


@outer
def relax(A, b, old, new, direction, control, rtol, atol, norms, start, stop, maxiter) -> Any:
    """Sweeps ``start`` to ``stop`` of a solve; return what ended it, the count, and the iterate.

    Sweep k reads iterate k and yields its residual norm, so that a stop at k gives back ``old``,
    untouched, although k + 1 sweeps ran. After the last of ``maxiter`` sweeps the norm is still
    unknown and takes a product with A.
    """
    for k in range(start, stop):
        omega = control[OMEGA]
        if direction == BACKWARD:
            residual2, change2 = backward(A, b, old, new, omega)
        else:
            residual2, change2 = forward(A, b, old, new, omega)
        norms[k] = math.sqrt(residual2)
        if k == 0 and control[SCALE] < 0.0:
            control[SCALE] = norms[0]
        end = verdict(norms[k], tolerance(rtol, atol, control[SCALE]))
        if end != RUNNING:
            return end, k, old
        if direction == SYMMETRIC:
            backward(A, b, new, old, omega)
        else:
            old, new = new, old
            if control[EXPONENT] > 0.0:
                adapt(control, math.sqrt(change2))
    if stop < maxiter:
        return RUNNING, stop, old
    norms[maxiter] = math.sqrt(residual(A, b, old, new))
    if maxiter == 0 and control[SCALE] < 0.0:
        control[SCALE] = norms[0]
    end = verdict(norms[maxiter], tolerance(rtol, atol, control[SCALE]))
    return (EXHAUSTED if end == RUNNING else end), maxiter, old
