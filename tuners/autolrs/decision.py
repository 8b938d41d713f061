"""Which of the scales tried is the best, and whether it is worth a change."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .gaussian import Array, GaussianProcess

_OCTAVES = 4.0
"""Octaves of scale that make one unit of the process's abscissa."""
_ERRORS = 2.0
"""Standard errors that a change must gain."""
_SHOULDER = 3.0
"""What is worse by more than so many times the largest gain counts as just that much worse."""


@dataclass(frozen=True)
class Trial:
    """A scale that was tried in a stage.

    Attributes:
        scale: What the base schedule was multiplied by.
        score: Mean loss over the scored batches; NaN where the probe diverged.
        difference: Of the score to that of the present scale; NaN likewise.
        error: Standard error of that difference, over the same batches.
        stopped: Whether the probe was left early, having lost: there is no score then, and
            difference and error are those of the losses until there.
    """

    scale: float
    score: float
    difference: float
    error: float
    stopped: bool = False


@dataclass(frozen=True)
class Decision:
    """What a stage decided.

    Attributes:
        scale: To go on with.
        gain: Expected fall of the score against the present scale, of the scale taken or, where
            none was, of the best; infinite where the present scale diverged.
        error: Standard error of the gain.
    """

    scale: float
    gain: float
    error: float


def trials(present: float, losses: Mapping[float, Sequence[float] | None]) -> list[Trial]:
    """Paired comparisons of the scales' losses on the same batches.

    Args:
        present: The present scale, one of the keys; where it diverged the differences are to
            the best of the others.
        losses: For each scale its losses, one a batch; None where the probe diverged.
    """
    known = {s: np.asarray(q) for s, q in losses.items() if q is not None and np.isfinite(q).all()}
    best = min(known, key=lambda s: float(known[s].mean()), default=present)
    reference = known.get(present, known.get(best))
    found = list[Trial]()
    for scale in losses:
        if scale not in known or reference is None:
            found.append(Trial(scale, math.nan, math.nan, math.nan))
            continue
        difference, error = paired(known[scale], reference)
        found.append(Trial(scale, float(known[scale].mean()), difference, error))
    return found


def decide(
    present: float,
    tried: Sequence[Trial],
    cost: float = 0.0,
    unlearned: Collection[float] = (),
) -> Decision | None:
    """The best of the tried scales by a process's mean, if it gains enough.

    Enough is twice the standard error of its gain, and ``cost`` of the present score per octave.

    Where the best is higher than the present one, the least of those that are as good is taken,
    give or take the standard error of their difference: a probe is short, and what it cannot tell
    apart may tell later, in a loss that blows up.

    Args:
        present: The present scale.
        tried: This stage's trials, the present scale's among them.
        cost: What a change must gain per octave, as a part of the present score.
        unlearned: Scales at which the loss ended above where it began. None of them is a reason to
            go up: one that blows up less is not better.

    Returns:
        The decision, or None where every trial diverged.
    """
    alive = [
        trial
        for trial in tried
        if math.isfinite(trial.difference)
        and not (trial.scale > present and trial.scale in unlearned)
    ]
    whole = [i for i in range(len(alive)) if not alive[i].stopped]
    if not whole:
        return None
    process, spread = _process(tried)
    mean, covariance = process.joint(_abscissa([trial.scale for trial in alive]))

    def gap(i: int, j: int) -> tuple[float, float]:
        """How much more i costs than j, and the standard error of that."""
        variance = covariance[i, i] + covariance[j, j] - 2 * covariance[i, j]
        return spread * float(mean[i] - mean[j]), spread * math.sqrt(max(float(variance), 0.0))

    best = min(whole, key=lambda i: float(mean[i]))
    as_good = [i for i in whole if gap(i, best)[0] <= gap(i, best)[1]]
    raised = [i for i in as_good if alive[i].scale >= present]
    up = alive[best].scale > present
    chosen = min(raised, key=lambda i: alive[i].scale) if up else best
    now = next((i for i, trial in enumerate(alive) if trial.scale == present), None)
    if now is None:
        return Decision(alive[chosen].scale, math.inf, 0.0)
    other = alive[chosen if chosen != now else best]
    gain, error = gap(now, chosen if chosen != now else best)
    error = max(error, other.error)
    # Both must win: what the process expects, and what was seen on the same batches.
    octaves = abs(math.log2(other.scale / present))
    needed = max(_ERRORS * error, cost * abs(alive[now].score) * octaves)
    changes = chosen != now and min(gain, -other.difference) > needed
    return Decision(alive[chosen].scale if changes else present, gain, error)


def worse(losses: Sequence[float], began: Sequence[float]) -> bool:
    """Whether losses are above others on the same batches, by two standard errors."""
    difference, error = paired(losses, began)
    return difference > _ERRORS * error


def paired(losses: Sequence[float] | Array, others: Sequence[float] | Array) -> tuple[float, float]:
    """Mean difference of losses on the same batches, and its standard error (0 of one batch).

    Example:
        >>> paired([3.0, 5.0], [2.0, 2.0])
        (2.0, 1.0)
    """
    gap = np.asarray(losses) - np.asarray(others)
    error = float(gap.std(ddof=1)) / math.sqrt(len(gap)) if len(gap) > 1 else 0.0
    return float(gap.mean()), error


def _process(tried: Sequence[Trial]) -> tuple[GaussianProcess, float]:
    values = np.array([trial.difference for trial in tried])
    values = np.where(np.isnan(values), np.nanmax(values), values)
    gain = -float(values.min())
    if gain > 0:  # how bad the bad ones are must not drown what there is to gain
        values = np.minimum(values, _SHOULDER * gain)
    spread = float(values.std()) or 1.0
    errors = np.array([trial.error if math.isfinite(trial.error) else 0.0 for trial in tried])
    x = _abscissa([trial.scale for trial in tried])
    process = GaussianProcess.fit(x, (values - values.mean()) / spread, (errors / spread) ** 2)
    return process, spread


def _abscissa(scales: Sequence[float]) -> Array:
    return np.log2(np.asarray(scales, dtype=np.float64)) / _OCTAVES
