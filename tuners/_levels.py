"""Gradient norms of a run in a memory that does not grow with its length."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..schedules import GradNorms
from ..schedules._checks import number, whole


class Levels:
    """Medians of the norms of equal parts of a run, one after the other.

    Norms that are not finite are left out; a part without any has the level NaN.

    Args:
        width: Updates of a part, >= 1.

    Attributes:
        width: As given, or as loaded.
        values: The medians of the parts that are over.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.values = list[float]()

    def forget(self, updates: int) -> None:
        """Drop the parts that are not over after so many updates."""
        del self.values[updates // self.width :]

    def take(self, log: GradNorms, updates: int) -> GradNorms:
        """Take in the parts that are over after so many updates; returns the later norms."""
        part, usable, done = log.steps // self.width, np.isfinite(log.norms), updates // self.width
        for k in range(len(self.values), done):
            found = log.norms[usable & (part == k)]
            self.values.append(float(np.median(found)) if len(found) else math.nan)
        later = usable & (part >= done)
        return GradNorms.of(log.norms[later], log.norm, log.steps[later].tolist())

    def state_dict(self) -> dict[str, Any]:
        """Plain values; None where a level is not known."""
        known = [level if math.isfinite(level) else None for level in self.values]
        return {"width": self.width, "values": known}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from saved levels; TypeError or ValueError, before any change, for others."""
        width = whole("levels: width", state["width"], low=1)
        found = [
            math.nan if level is None else float(number("levels: value", level, low=0))
            for level in state["values"]
        ]
        self.width, self.values = width, found
