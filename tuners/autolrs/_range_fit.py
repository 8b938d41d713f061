"""What a change of loss over rates says: where it falls fastest, where it is lowest."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_WIDTH = 0.3  # decades, of the smoothing
_SURE = 5.0  # standard errors: many rates are looked at, by few neighbours each


class Advice(NamedTuple):
    """A rate, or None, and the sentence that says why."""

    rate: float | None
    reason: str


class Smoothed(NamedTuple):
    """A line through the neighbours of each abscissa, shapes (n,)."""

    level: Floats
    slope: Floats
    error: Floats  # standard error of the level


def local_lines(x: Floats, y: Floats, noisy: Floats) -> Smoothed:
    """Lines by weighted least squares; weights are Gaussian, 0.3 wide or two steps if longer.

    Args:
        x: Abscissae, increasing.
        y: Values that the lines go through.
        noisy: Values whose second differences tell the noise near each abscissa.

    Example:
        >>> x = np.linspace(0.0, 2.0, 21)
        >>> found = local_lines(x, 3 * x - 1, 3 * x - 1)
        >>> bool(np.allclose(found.level, 3 * x - 1) and np.allclose(found.slope, 3))
        True
    """
    width = max(_WIDTH, 2 * float(np.diff(x).mean()))
    away = x[None, :] - x[:, None]
    w = np.exp(-0.5 * (away / width) ** 2)
    s0, s1, s2 = w.sum(1), (w * away).sum(1), (w * away**2).sum(1)
    spread = s0 * s2 - s1**2
    to_level = w * (s2[:, None] - s1[:, None] * away) / spread[:, None]
    to_slope = w * (s0[:, None] * away - s1[:, None]) / spread[:, None]
    # A second difference of white noise has six times its variance.
    variance = np.pad(np.diff(noisy, 2) ** 2 / 6, 1, mode="edge")
    error = np.sqrt(to_level**2 @ (w @ variance / s0))
    return Smoothed(to_level @ y, to_slope @ y, error)


def smooth(rates: Floats, change: Floats, diverged: float | None) -> Smoothed:
    """Level and slope, in log10(rate), of a change of loss over the rates.

    A single loss that stands out is taken for its neighbours' median. Rises above the deepest
    fall are cut, and divergence is such a rise: how high a loss goes says nothing of the fall.
    """
    padded = np.concatenate([change[1:2], change, change[-1:]])
    calm = np.median(sliding_window_view(padded, 3), axis=1)
    cap = max(-float(calm.min()), float(np.median(np.abs(calm))))
    calm, noisy, x = np.minimum(calm, cap), np.minimum(change, cap), np.log10(rates)
    if diverged is None:
        return local_lines(x, calm, noisy)
    ends = (np.log10(diverged), cap, cap)
    more = local_lines(*(np.append(a, b) for a, b in zip((x, calm, noisy), ends, strict=True)))
    return Smoothed(*(values[:-1] for values in more))


def advise(rates: Floats, change: Floats, diverged: float | None) -> Advice:
    """The rate to try, from the change of loss right after an update at each rate.

    Where the loss falls: the geometric mean of the rate at which it falls fastest (in
    log10(rate)) and the one after which it is lowest; the first is too careful, the second is
    about to rise. Where it only rises: a tenth of where that begins. Falls and rises count from
    five standard errors on.

    Args:
        rates: Increasing.
        change: Of the loss, on the same batch, finite.
        diverged: The rate at which the loss went beyond all bounds, if it did.
    """
    if len(rates) < 3:
        return Advice(None, f"the loss diverges at {diverged:.2g}, the lowest rates; lower low")
    level, slope, error = smooth(rates, change, diverged)
    lowest = int(level.argmin())
    if (level < -_SURE * error)[: lowest + 1].any():
        fastest = int(slope[: lowest + 1].argmin())
        more = "" if lowest < len(rates) - 1 or diverged else "; still falling there, raise high"
        return Advice(
            math.sqrt(rates[fastest] * rates[lowest]),
            f"the loss falls fastest at {rates[fastest]:.2g} and is lowest after "
            f"{rates[lowest]:.2g}: the rate between{more}",
        )
    edge = _edge(rates, level > _SURE * error, diverged)
    if edge is None:
        return Advice(None, f"the loss neither falls nor rises up to {rates[-1]:.2g}; raise high")
    return Advice(edge / 10, f"the loss only rises, from {edge:.2g} on: a tenth of that")


def _edge(rates: Floats, rises: NDArray[np.bool_], diverged: float | None) -> float | None:
    """Where the rise begins that goes on to the end."""
    if not rises[-1]:
        return diverged
    calm = np.flatnonzero(~rises)
    return float(rates[calm[-1] + 1 if len(calm) else 0])
