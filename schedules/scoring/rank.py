"""Ranking schedules by their bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..schedule import Schedule, operands
from .bound import Bound, Norms, bound


@dataclass(frozen=True)
class Ranked:
    """A schedule's place.

    Attributes:
        schedule: The schedule.
        bound: Its bound, at its best base rate.
        relative: The bound over the best one's, >= 1.
        rate_factor: Its best base rate over that of the first schedule given: multiply a rate
            tuned for that one by this when moving to this one.
    """

    schedule: Schedule
    bound: Bound
    relative: float
    rate_factor: float


def rank(
    schedules: Sequence[Schedule],
    total_steps: int,
    grad_norms: Norms = 1.0,
    distance: float = 1.0,
) -> list[Ranked]:
    """Schedules by their last-iterate bounds, best first.

    Args and errors: as :func:`~ritard.schedules.bound`; an empty list is a ValueError.

    Example:
        >>> from ritard.schedules import Constant, Cosine, Linear
        >>> [str(r.schedule) for r in rank([Constant(), Cosine(), Linear()], 400)]
        ['linear', 'cosine', 'constant']
    """
    given = operands("schedules", schedules)
    bounds = [bound(schedule, total_steps, grad_norms, distance) for schedule in given]
    best, first = min(b.value for b in bounds), bounds[0].best_base_lr
    ranked = [
        Ranked(schedule, b, b.value / best, b.best_base_lr / first)
        for schedule, b in zip(given, bounds, strict=True)
    ]
    return sorted(ranked, key=lambda r: r.relative)
