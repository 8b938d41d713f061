"""Mode: what the two modes of a search have in common, their course so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...schedules._checks import number, whole
from ...schedules._state import check_keys, reading
from .report import Report


class Mode:
    """The scales of a run so far, and what was found at its stages.

    Attributes:
        scale: The present factor on the base rates.
        segments: (productive update, scale) from which on each scale held.
        reports: Of the stages so far.
    """

    def __init__(self, scale: float, segments: Sequence[tuple[int, float]]) -> None:
        self.scale = scale
        self.segments = list(segments)
        self.reports: list[Report] = []

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "scale": self.scale,
            "segments": [list(segment) for segment in self.segments],
            "reports": [report.to_dict() for report in self.reports],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError, with nothing changed, where it is none."""
        check_keys(type(self).__name__, state_dict, self.state_dict())
        with reading("search"):
            scale = number("scale", state_dict["scale"], low=0, open_low=True)
            segments = [
                (whole("segments", t), float(number("segments", found)))
                for t, found in state_dict["segments"]
            ]
            reports = [Report.from_dict(report) for report in state_dict["reports"]]
            self._check(state_dict)
        self.scale, self.segments, self.reports = scale, segments, reports

    def _check(self, state_dict: Mapping[str, Any]) -> None:
        """What a mode holds besides; TypeError or ValueError where it is not that."""
