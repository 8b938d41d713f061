"""How a solve ends; plain Python, compiled where a compiled loop asks."""

import math

RUNNING, CONVERGED, EXHAUSTED, DIVERGED, BREAKDOWN = range(5)


def verdict(norm: float, rtol: float, atol: float, scale: float) -> int:
    """CONVERGED, DIVERGED or RUNNING; a tolerance below zero is never met."""
    if not math.isfinite(norm):
        return DIVERGED
    goal = max(rtol * scale, atol) if scale > 0.0 else atol
    return CONVERGED if norm <= goal else RUNNING
