"""Loops of ChebCB and what else fits Chebyshev polynomials; see cheb_cb.py."""

from __future__ import annotations

import math

import numpy as np

from ._compiled import compiled
from ._learner import Array
from ._tsallis_kernels import draw

RIDGE = 1e-10
"""Relative to the trace: where an arm has seen too little, the least-norm fit is taken."""


@compiled
def features(x: float, f: Array) -> None:
    """Write T_0(x), ..., T_{m-1}(x) into ``f``."""
    f[0] = 1.0
    if len(f) > 1:
        f[1] = x
    for j in range(2, len(f)):
        f[j] = 2.0 * x * f[j - 1] - f[j - 2]


@compiled
def solve_spd(A: Array, b: Array) -> None:
    """Overwrite ``b`` with the solution of A z = b, A symmetric positive definite and small.

    ``A`` is overwritten by its Cholesky factor. Plain loops: for six unknowns a call of LAPACK
    costs more than the solution.
    """
    m = len(b)
    for j in range(m):
        for i in range(j, m):
            total = A[i, j]
            for k in range(j):
                total -= A[i, k] * A[j, k]
            A[i, j] = math.sqrt(total) if i == j else total / A[j, j]
    for i in range(m):
        for k in range(i):
            b[i] -= A[i, k] * b[k]
        b[i] /= A[i, i]
    for i in range(m - 1, -1, -1):
        for k in range(i + 1, m):
            b[i] -= A[k, i] * b[k]
        b[i] /= A[i, i]


@compiled
def free_minimum(G: Array, h: Array, theta: Array, active: Array) -> Array:
    """Minimiser of theta' G theta / 2 - theta' h over the free coordinates, the others held."""
    m = len(h)
    A, z = np.zeros((m, m)), theta.copy()
    for i in range(m):
        if active[i] != 0.0:
            A[i, i] = 1.0
            continue
        z[i] = h[i]
        for j in range(m):
            if active[j] == 0.0:
                A[i, j] = G[i, j]
            else:
                z[i] -= G[i, j] * theta[j]
    solve_spd(A, z)
    return z


@compiled
def box_fit(G: Array, h: Array, u: Array, theta: Array, active: Array) -> int:
    """Minimise theta' G theta / 2 - theta' h over the box |theta_j| <= u_j, in place.

    Primal active set, started from ``theta`` (inside the box) and ``active`` (-1, 0, 1: at the
    lower bound, free, at the upper bound), which after one more observation are nearly right.
    ``G`` is positive definite.

    Returns:
        Linear systems solved.
    """
    m = len(h)
    for solved in range(1, 20 * m + 1):
        z = free_minimum(G, h, theta, active)
        way, hit = 1.0, -1
        for j in range(m):
            if active[j] == 0.0 and abs(z[j]) > u[j]:
                part = (math.copysign(u[j], z[j]) - theta[j]) / (z[j] - theta[j])
                if part < way:
                    way, hit = part, j
        for j in range(m):
            theta[j] += way * (z[j] - theta[j])
        if hit >= 0:
            active[hit] = math.copysign(1.0, z[hit])
            theta[hit] = active[hit] * u[hit]
            continue
        worst, freed = -1e-13, -1
        for j in range(m):
            if active[j] != 0.0:
                pull = h[j]
                for k in range(m):
                    pull -= G[j, k] * theta[k]
                pull *= active[j] / G[j, j]  # > 0 where the coordinate presses on its bound
                if pull < worst * u[j]:
                    worst, freed = pull / u[j], j
        if freed < 0:
            return solved
        active[freed] = 0.0
    return 20 * m


@compiled
def cheb_ask(x: float, theta: Array, eta: float, u: float, f: Array, p: Array) -> int:
    """Inverse-gap weighting over the predictions at ``x``: fill ``p`` and draw an arm."""
    features(x, f)
    d, m = theta.shape
    for i in range(d):
        p[i] = 0.0
        for j in range(m):
            p[i] += theta[i, j] * f[j]
    best = int(np.argmin(p))
    least, rest = p[best], 1.0
    for i in range(d):
        if i != best:
            p[i] = 1.0 / (d + eta * (p[i] - least))
            rest -= p[i]
    p[best] = rest
    return draw(p, u)


@compiled
def cheb_tell(
    x: float, arm: int, y: float, G: Array, h: Array, theta: Array, active: Array, sums: Array,
    u: Array, scale: float, every: bool, f: Array,
) -> None:  # fmt: skip
    """Add one cost ``y`` at ``x`` and fit again: the arm, or every arm where the scale changed.

    ``sums`` holds the sums of prediction^2, prediction times y, and y^2.
    """
    features(x, f)
    d, m = theta.shape
    guess = 0.0
    for j in range(m):
        guess += theta[arm, j] * f[j]
    sums[0] += guess * guess
    sums[1] += guess * y
    sums[2] += y * y
    for i in range(m):
        h[arm, i] += y * f[i]
        for j in range(m):
            G[arm, i, j] += f[i] * f[j]
    for i in range(d):
        if i == arm or (every and G[i, 0, 0] > 0.0):
            ridge = RIDGE * np.trace(G[i])
            box_fit(G[i] + ridge * np.eye(m), h[i] / scale, u, theta[i], active[i])
