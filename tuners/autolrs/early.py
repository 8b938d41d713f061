"""Which probes need not be run to their end."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .decision import Trial, paired

_FAR = 5.0
"""Standard deviations of a batch's loss above the present scale's from which a probe diverged."""
_BEHIND = 3.0
"""Standard errors above the present scale's losses from which a lower scale has lost."""
_RISING = 2.0
"""Standard errors by which the second half of losses is above the first where they rise."""


def diverged(losses: Sequence[float], same: Sequence[float], reference: Sequence[float]) -> bool:
    """Whether a candidate diverged: not finite, or far above the present scale's losses.

    Args:
        losses: Of the candidate.
        same: Of the present scale, on the same batches.
        reference: Of the present scale on all batches of the recording.
    """
    if not np.isfinite(losses).all():
        return True
    if not np.isfinite(reference).all():
        return False  # there is nothing to compare with
    return float(np.mean(losses)) > float(np.mean(same)) + _FAR * float(np.std(reference))


def lagging(scale: float, losses: Sequence[float], reference: Sequence[float]) -> Trial | None:
    """The result of a candidate below the present scale that has lost already, or None.

    While a scale is held, a higher one carries more noise, which a cooldown takes away: it cannot
    be said to have lost by its losses. A lower one carries less. Where it is behind all the same,
    on the same batches and by more than its standard error can explain, it is behind by what it
    has not learned, and the cooldown, at lower rates again, does not bring that back.

    Args:
        scale: Of the candidate.
        losses: While it was held.
        reference: Those of the present scale, from the same batch on.
    """
    same = reference[: len(losses)]
    if len(losses) < 2 or not np.isfinite([*losses, *same]).all():
        return None
    lag, error = paired(losses, same)
    return Trial(scale, math.nan, lag, error, stopped=True) if lag > _BEHIND * error else None


def rising(losses: Sequence[float]) -> bool:
    """Whether losses of successive batches rise: their second half over the first, by two errors.

    Where one is not finite they do.
    """
    y = np.asarray(losses, dtype=np.float64)
    if not np.isfinite(y).all():
        return True
    first, second = y[: len(y) // 2], y[len(y) // 2 :]
    if len(first) < 2:
        return False
    error = math.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    return float(second.mean() - first.mean()) > _RISING * error
