"""Loops of Tsallis-INF; see tsallis_inf.py."""

from __future__ import annotations

import numpy as np

from ._compiled import compiled
from ._learner import Array


@compiled
def draw(p: Array, u: float) -> int:
    """The arm that a uniform number in [0, 1) picks."""
    total = 0.0
    for i in range(len(p)):
        total += p[i]
        if u < total:
            return i
    return int(np.argmax(p))  # the sum may fall short of 1 by a rounding error


@compiled
def tsallis(k: Array, scale: float, eta: float, p: Array) -> int:
    """Write the minimiser of <k/scale, p> - (4/eta) sum sqrt(p_i) over the simplex into ``p``.

    p_i = 4 / (eta (D_i + y))^2 with D = (k - min k)/scale >= 0: shifted by the least k nothing
    cancels, and y > 0 solves sum p = 1. At y = 2/eta the sum is at least 1 and it is convex and
    falling in y, so Newton's method goes up to the root and never beyond: no safeguard.

    Returns:
        Newton steps taken.
    """
    D = (k - k.min()) / scale
    y, steps = 2.0 / eta, 0
    while True:
        v = 2.0 / (eta * (D + y))
        p[:] = v * v
        total = p.sum()
        if total - 1.0 <= 1e-13 * len(p) or steps == 100:
            break
        y += (total - 1.0) / (eta * (p * v).sum())
        steps += 1
    p /= total
    return steps


@compiled
def tsallis_ask(
    k: Array, scale: float, t: float, rate: float, part: float, u: float, p: Array, B: Array
) -> int:
    """Fill ``p`` and the baselines ``B`` of round t = 1, 2, ..., and draw an arm by ``u``."""
    eta = rate / np.sqrt(t)
    tsallis(k, scale, eta, p)
    for i in range(len(p)):
        B[i] = part * scale if p[i] >= eta * eta else 0.0
    return draw(p, u)
