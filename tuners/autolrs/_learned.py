"""The schedule that a search has learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...schedules import Schedule, ScheduleLR, Tabulated


def learned(scheduler: ScheduleLR, segments: Sequence[tuple[int, float]], n: int) -> Tabulated:
    """The base schedule times the scales of its segments, at 0..n."""
    (drive,) = scheduler._drives
    assert isinstance(drive.schedules, Schedule)
    values = drive.schedules(np.arange(n + 1, dtype=np.float64), scheduler.budget)
    starts = np.array([start for start, _ in segments])
    scales = np.array([scale for _, scale in segments])
    return Tabulated(values * scales[np.searchsorted(starts, np.arange(n + 1), side="right") - 1])
