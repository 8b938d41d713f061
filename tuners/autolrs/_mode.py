"""Mode: what the two modes of a search have in common, their course so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
        """Go on from a saved state."""
        self.scale = state_dict["scale"]
        self.segments = [(int(t), float(scale)) for t, scale in state_dict["segments"]]
        self.reports = [Report.from_dict(report) for report in state_dict["reports"]]
