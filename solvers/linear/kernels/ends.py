"""How a solve ends; plain Python, compiled where a compiled loop asks."""

import math

RUNNING, CONVERGED, EXHAUSTED, DIVERGED, BREAKDOWN = range(5)


def tolerance(rtol: float, atol: float, scale: float) -> float:
    """The norm to reach, max(rtol scale, atol); below zero it is never reached."""
    return max(rtol * scale, atol) if scale > 0.0 else atol


def verdict(norm: float, goal: float) -> int:
    """CONVERGED, DIVERGED or RUNNING."""
    if not math.isfinite(norm):
        return DIVERGED
    return CONVERGED if norm <= goal else RUNNING
