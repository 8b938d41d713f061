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

    @classmethod
    def read(cls, state_dict: Any) -> dict[str, Any]:
        """What a saved state holds, checked; ValueError where it is none of this mode."""
        with reading("search"):
            found = cls._read(state_dict)
        check_keys(cls.__name__, state_dict, found)
        return found

    @classmethod
    def _read(cls, state_dict: Mapping[str, Any]) -> dict[str, Any]:
        """Each entry, checked; a mode adds those that it alone has."""
        return {
            "scale": number("scale", state_dict["scale"], low=0, open_low=True),
            "segments": _segments(state_dict["segments"]),
            "reports": [Report.from_dict(report) for report in state_dict["reports"]],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError, with nothing changed, where it is none."""
        self._go_on(self.read(state_dict))

    def _go_on(self, found: Mapping[str, Any]) -> None:
        """From what :meth:`read` gave."""
        self.scale, self.segments = found["scale"], found["segments"]
        self.reports = found["reports"]


def _segments(saved: Any) -> list[tuple[int, float]]:
    found = [
        (whole("segments", start), float(number("segments", scale, low=0, open_low=True)))
        for start, scale in saved
    ]
    starts = [start for start, _ in found]
    if starts[:1] != [0] or starts != sorted(starts):
        raise ValueError(f"segments: they start at {starts}; expected ascending from 0")
    return found
