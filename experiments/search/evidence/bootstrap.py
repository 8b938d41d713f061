"""How sure the ratio of two samplers' errors on the same noises is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .errors import TINY

Vector = NDArray[np.float64]
LEVEL = 0.95


@dataclass(frozen=True)
class Ratio:
    """Error of ours over that of another sampler; below 1 ours is better.

    Attributes:
        value: The ratio on all noises.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """What the interval says."""
        if self.low <= 1 <= self.high:
            return "no difference seen"
        return "better" if self.high < 1 else "worse"


def geometric_ratio(ours: Tensor, theirs: Tensor, resamples: int = 4000, seed: int = 0) -> Ratio:
    """Ratio of geometric means over the noises, with a paired bootstrap interval.

    Args:
        ours: Errors of the samples, shape (n,), or (seeds, n): then the geometric mean over the
            seeds is compared. The interval is of the noises alone; the seeds are too few to
            resample, show their spread beside it.
        theirs: Errors of the other sampler on the same noises, shape (n,).
        resamples: Of the noises.
        seed: Of the resamples.

    Raises:
        ValueError: shapes that do not fit.

    Source: Efron & Tibshirani (1993), An introduction to the bootstrap, section 13.3 (percentile).
    """
    logs = [x.double().clamp_min(TINY).log() for x in _paired(ours, theirs)]
    gap = (logs[0].mean(0) - logs[1]).numpy()
    return _interval((gap,), lambda means: np.exp(means[0]), resamples, seed)


def rms_ratio(ours: Tensor, theirs: Tensor, resamples: int = 4000, seed: int = 0) -> Ratio:
    """Ratio of root mean squares over the noises (and seeds): as :func:`geometric_ratio`."""
    squares = [x.double() ** 2 for x in _paired(ours, theirs)]
    parts = (squares[0].mean(0).numpy(), squares[1].numpy())
    return _interval(parts, lambda means: np.sqrt(means[0] / means[1]), resamples, seed)


def _paired(ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    rows = torch.atleast_2d(ours)
    if rows.ndim != 2 or theirs.shape != rows.shape[1:]:
        raise ValueError(
            f"ours: shape {tuple(ours.shape)}, theirs: {tuple(theirs.shape)}; expected (n,) or "
            "(seeds, n), and (n,)"
        )
    return rows, theirs


def _interval(
    parts: tuple[Vector, ...],
    of: Callable[[list[Vector]], Vector],
    resamples: int,
    seed: int,
) -> Ratio:
    """A function of means over noises, and its quantiles when the noises are drawn anew."""
    rng = np.random.default_rng(seed)
    n = len(parts[0])
    drawn = [np.empty(resamples) for _ in parts]
    for k in range(resamples):
        # How often each noise is drawn: a weighted mean instead of a copy of the drawn ones.
        weights = np.bincount(rng.integers(n, size=n), minlength=n) / n
        for part, means in zip(parts, drawn, strict=True):
            means[k] = weights @ part
    low, high = np.quantile(of(drawn), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    value = of([np.array([part.mean()]) for part in parts])[0]
    return Ratio(float(value), float(low), float(high))
