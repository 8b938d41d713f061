"""Refining a schedule from gradient norms: arXiv:2310.07831, with G_t the norm at update t."""

from __future__ import annotations

import math
import reprlib

import numpy as np

from .._checks import number
from .._lengths import resolve
from ..schedule import Array
from ..shapes.tabulated import Tabulated
from .norms import GradNorms

FLOOR = 1e-3
"""Least filtered norm, in medians: a norm near zero must not take all the weight."""

CEILING = 1e100
"""Largest norm, in medians, so that squares do not overflow."""

_EXPONENT = {"l2": -2, "l1": -1}


def refine(norms: GradNorms, smoothing: float = 0.1) -> Tabulated:
    """The schedule that the norms of an earlier run call for.

    The weights are w_t = G_t^-2 for l2 norms (SGD) and G_t^-1 for l1 norms (Adam family), G
    after a median filter, and

        eta_t = w_t sum_{p > t} w_p,

    divided by its maximum. Constant norms give linear decay. Warm-up is not added: it comes out
    where early norms are large. The base rate is tuned as for any schedule.

    Args:
        norms: The log of a run; its steps that are missing or not finite are interpolated.
        smoothing: Width of the median filter as a part of the log, in (0, 1].

    Returns:
        A table of as many values as the log spans steps, the first at 0 and the last, 0, at 1.

    Raises:
        TypeError: no log of norms.
        ValueError: an empty log, one with no positive finite norm, or a smoothing out of range.

    Source: arXiv:2310.07831, Algorithm 1; edges of the filter and the exponent -1 for l1: the
    authors' code. Where we differ: norms are floored at 1e-3 of their median, and the filter's
    width is a part of the log whatever its length.
    """
    weights = filtered(norms, smoothing) ** _EXPONENT[norms.norm]
    rates = weights * later_sums(weights)
    top = rates.max()
    # A single step has no later weights: it runs at the base rate.
    return Tabulated(rates / top if top > 0 else (1.0,))


def predicted_gain(norms: GradNorms, smoothing: float = 0.1) -> float:
    """Linear decay's bound over the refined schedule's: how much refining could pay.

    gain = sqrt(mean(G^2) mean(G^-2)) >= 1, with equality for constant norms. It is derived for
    l2 norms; for l1 norms take it as an indication.

    Args and errors: as :func:`refine`.

    Example:
        >>> round(predicted_gain(GradNorms.of([4, 2, 1, 1, 2]), smoothing=1e-9), 6)
        1.632483
    """
    G = filtered(norms, smoothing)
    return max(1.0, math.sqrt(float(np.mean(G**2))) * math.sqrt(float(np.mean(G**-2.0))))


def filtered(norms: GradNorms, smoothing: float = 0.1) -> Array:
    """Norms of every step, over the median of the positive ones, filtered, floored; (steps,).

    The width is 2 floor(floor(smoothing n) / 2) + 1. The right edge is extended by reflection
    without repeating the last value, the left by repeating the first.
    """
    number("smoothing", smoothing, low=0, high=1, open_low=True)
    if not isinstance(norms, GradNorms):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"norms={reprlib.repr(norms)}: expected GradNorms, such as GradNorms.of")
    found = _scaled(norms.filled())
    half = int(resolve(float(smoothing), len(found))) // 2
    if half:
        found = _median_filter(found, half)
    return np.maximum(found, FLOOR)


def later_sums(weights: Array) -> Array:
    """sum_{p > t} w_p for each t; 0 for the last."""
    sums = np.zeros_like(weights)
    sums[:-1] = np.cumsum(weights[:0:-1])[::-1]
    return sums


def _scaled(norms: Array) -> Array:
    top = norms.max()
    if top == 0:
        raise ValueError("norms: none is positive; there is nothing to refine from")
    found = norms / top  # the median of huge norms would overflow
    median = np.median(found[found > 0])
    return np.minimum(found, CEILING * median) / median


def _median_filter(values: Array, half: int) -> Array:
    from scipy.ndimage import median_filter

    padded = np.concatenate([np.full(half, values[0]), np.pad(values, (0, half), "reflect")])
    return median_filter(padded, size=2 * half + 1, mode="nearest")[half : half + len(values)]
