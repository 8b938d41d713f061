"""Loops of GPThompson; see gp_thompson.py."""

from __future__ import annotations

import math

import numpy as np

from ._cheb_kernels import features
from ._compiled import compiled
from ._learner import Array


@compiled
def gp_ask(
    x: float, mean: Array, cov: Array, sigma: float, normal: Array, f: Array, s: Array
) -> int:
    """Draw the costs of all arms at ``x`` from the posterior into ``s``; the arm of the least.

    ``mean`` is (d, m), ``cov`` (d, m, d, m) in units of sigma^2; ``normal`` holds d standard
    normal numbers.
    """
    features(x, f)
    d, m = mean.shape
    V = np.zeros((d, d))
    for i in range(d):
        s[i] = 0.0
        for a in range(m):
            s[i] += f[a] * mean[i, a]
        for j in range(i + 1):
            total = 0.0
            for a in range(m):
                row = 0.0
                for b in range(m):
                    row += cov[i, a, j, b] * f[b]
                total += f[a] * row
            V[i, j] = total
    for j in range(d):  # Cholesky, by columns; a pivot lost to rounding counts as 0
        pivot = V[j, j]
        for k in range(j):
            pivot -= V[j, k] * V[j, k]
        V[j, j] = math.sqrt(pivot) if pivot > 1e-12 else 0.0
        for i in range(j + 1, d):
            total = V[i, j]
            for k in range(j):
                total -= V[i, k] * V[j, k]
            V[i, j] = total / V[j, j] if V[j, j] > 0.0 else 0.0
    for i in range(d):
        for k in range(i + 1):
            s[i] += sigma * V[i, k] * normal[k]
    return int(np.argmin(s))


@compiled
def gp_tell(x: float, arm: int, y: float, mean: Array, cov: Array, f: Array) -> float:
    """Condition on one observation ``y`` of an arm at ``x``.

    Returns:
        The square of what was not foreseen, in units of its standard deviation over sigma.
    """
    features(x, f)
    d, m = mean.shape
    gain = np.zeros((d, m))
    for i in range(d):
        for a in range(m):
            for b in range(m):
                gain[i, a] += cov[i, a, arm, b] * f[b]
    off, variance = y, 1.0
    for a in range(m):
        off -= f[a] * mean[arm, a]
        variance += f[a] * gain[arm, a]
    for i in range(d):
        for a in range(m):
            step = gain[i, a] / variance
            mean[i, a] += step * off
            for j in range(d):
                for b in range(m):
                    cov[i, a, j, b] -= step * gain[j, b]
    return off * off / variance
