"""What a run's gradient norms call for, where the norms to come are taken to equal the last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# What all of refinement shares: the limits of norms, and exact fractions of a run.
from ..schedules._lengths import resolve
from ..schedules.refinement.norms import Norm
from ..schedules.refinement.refine import FLOOR, later_sums
from ..schedules.schedule import Array

_EXPONENT = {"l2": 2, "l1": 1}


def refined_slope(
    levels: Sequence[float], width: int, total: float, smoothing: float, norm: Norm
) -> float:
    """The factor c of the refined line c (1 - t/T) from the present to the end.

    With the weights w_p of the updates p = 0..T in units of the last, those to come being 1,

        c = T / max_p (w_p sum_{q > p} w_q).

    Args:
        levels: Norms of the run so far, medians of ``width`` updates each; NaN where unknown.
        width: Updates of a level.
        total: Length of the run, T > width * len(levels).
        smoothing: Width of the median filter as a part of the run.
        norm: ``"l2"`` for weights G^-2, ``"l1"`` for G^-1.

    Returns:
        c > 0; 1 where no level is known or none is positive.

    Example:
        >>> refined_slope([1.0, 1.0, 2.0, 2.0], 1, 8, 1e-9, "l2")  # w = 4, 4, 1, 1, then five 1
        0.18181818181818182
    """
    found = _known(np.asarray(levels, dtype=np.float64))
    if not len(found) or found.max() == 0:
        return 1.0
    half = int(resolve(smoothing, total) // width) // 2
    smooth = _median_filter(_limited(found), half)
    w = (smooth[-1] / smooth) ** _EXPONENT[norm]
    # The first update of a level has the most after it.
    later = width * later_sums(w) + (width - 1) * w + (total + 1 - width * len(w))
    return float(total / np.max(w * later))


def _known(levels: Array) -> Array:
    """Levels with the unknown ones interpolated, at the ends the nearest; none if none is known."""
    known = np.flatnonzero(np.isfinite(levels))
    return np.interp(np.arange(len(levels)), known, levels[known]) if len(known) else levels[:0]


def _limited(levels: Array) -> Array:
    """Levels over the median of the positive ones, between FLOOR and 1 / FLOOR.

    A run that explodes for a while must find a rate again; and no product of weights overflows.
    """
    scaled = levels / levels.max()  # the median of huge norms would overflow
    median = np.median(scaled[scaled > 0])
    return np.maximum(np.minimum(scaled, median / FLOOR) / median, FLOOR)


def _median_filter(values: Array, half: int) -> Array:
    """The running median of 2 half + 1 values, or of all there are; at the edges held."""
    half = min(half, (len(values) - 1) // 2)
    if half == 0:
        return values
    from scipy.ndimage import median_filter

    return np.pad(median_filter(values, size=2 * half + 1)[half:-half], half, "edge")
