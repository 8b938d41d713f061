"""The solves as plain loops: without numba, with a callback, for complex or operator A."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ._engine import Array, Engine, Run, Stop, control
from .adaptive import Adaptive
from .kernels.control import EXPONENT, OMEGA, adapt
from .kernels.ends import BREAKDOWN, CONVERGED, DIVERGED, EXHAUSTED, RUNNING, verdict

Callback = Callable[[Array], Any]
Apply = Callable[[Array], Array]


def silent(x: Array) -> None:
    """The callback that does nothing."""
    del x


def relax(
    engine: Engine,
    b: Array,
    x: Array,
    omega: float | Adaptive,
    sweep: str,
    stop: Stop,
    callback: Callback = silent,
) -> Run:
    """SOR as x += W^-1 (b - A x), with a second, mirrored step where the sweep is symmetric."""
    state, x = control(omega, stop), x.copy()
    norms: list[float] = []
    end = RUNNING
    first = engine.upper if sweep == "backward" else engine.lower
    for k in range(stop.maxiter + 1):
        r = b - engine.matvec(x)
        norms.append(float(np.linalg.norm(r)))
        end = verdict(norms[-1], stop.tolerance(norms[0]))
        if end != RUNNING or k == stop.maxiter:
            break
        factor = float(state[OMEGA])
        step = first(r, factor)
        x = x + step
        if sweep == "symmetric":
            x = x + engine.upper(b - engine.matvec(x), factor)
        elif state[EXPONENT] > 0:
            adapt(state, float(np.linalg.norm(step)))
        callback(x)
    end = EXHAUSTED if end == RUNNING else end
    return Run(x, len(norms) - 1, np.array(norms), end, float(state[OMEGA]))


def conjugate(
    matvec: Apply,
    precondition: Apply,
    b: Array,
    x: Array,
    stop: Stop,
    callback: Callback = silent,
) -> Run:
    """Preconditioned conjugate gradients, the textbook's loop."""
    x = x.copy()
    r = b - matvec(x) if x.any() else b.copy()
    p, rho = np.zeros_like(r), 1.0
    norms: list[float] = []
    end = RUNNING
    for k in range(stop.maxiter + 1):
        norms.append(float(np.linalg.norm(r)))
        end = verdict(norms[-1], stop.tolerance(norms[0]))
        if end != RUNNING or k == stop.maxiter:
            break
        z = precondition(r)
        rho, previous = np.vdot(r, z).real, rho
        p = z + (rho / previous if k else 0.0) * p
        w = matvec(p)
        curvature = np.vdot(p, w).real
        if not 0 < curvature < math.inf or not rho > 0:
            end = _stuck(float(curvature), float(rho), norms[-1])
            break
        x += (rho / curvature) * p
        r -= (rho / curvature) * w
        callback(x)
    end = EXHAUSTED if end == RUNNING else end
    return Run(x, len(norms) - 1, np.array(norms), end, math.nan)


def _stuck(curvature: float, rho: float, norm: float) -> int:
    if norm == 0:
        return CONVERGED
    return BREAKDOWN if math.isfinite(curvature) and math.isfinite(rho) else DIVERGED
