"""What a run of ``ritard autolrs`` found, and the files that hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ...schedules import Schedule
from ...tuners.autolrs import AutoLRSCallback, Report
from ..records import json_text, read_json
from . import output

REPORT, SCHEDULE = "report.json", "schedule.json"
KEYS = {
    "task", "seed", "metric", "test", "base_lr", "steps", "search_steps", "scored_batches",
    "overhead", "seconds", "search_seconds", "rates", "stages",
}  # fmt: skip
"""Of a report."""


@dataclass(frozen=True)
class Found:
    """A finished run.

    Attributes:
        data: The report as JSON values.
        schedule: The rates of the run as multipliers of the base rate.
    """

    data: Mapping[str, Any]
    schedule: Schedule

    @classmethod
    def of(
        cls, asked: Mapping[str, Any], metric: str, callback: AutoLRSCallback, test: float | None
    ) -> Self:
        """From the search of a finished fit.

        Args:
            asked: The settings.
            metric: Name of the test metric.
            callback: The search.
            test: The test metric; None where it is not finite.
        """
        ledger, lr = callback.ledger, asked["lr"]
        data = {
            "task": asked["task"],
            "seed": asked["seed"],
            "metric": metric,
            "test": test,
            "base_lr": lr,
            "steps": asked["steps"],
            "search_steps": ledger.search,
            "scored_batches": ledger.scored,
            "overhead": ledger.overhead,
            "seconds": ledger.seconds,
            "search_seconds": ledger.search_seconds,
            "rates": [[report.start, report.scale * lr] for report in callback.reports],
            "stages": [report.to_dict() for report in callback.reports],
        }
        return cls(data, callback.schedule())

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """What a folder holds; None where its run has not finished, ValueError where damaged."""
        if not (folder / REPORT).exists():
            return None
        schedule = read_json(folder / SCHEDULE, Schedule.from_dict)
        return read_json(folder / REPORT, lambda data: cls._read(data, schedule))

    @classmethod
    def _read(cls, data: dict[str, Any], schedule: Schedule) -> Self:
        if lost := KEYS - data.keys():
            raise ValueError(f"it lacks {sorted(lost)}")
        found = cls({key: value for key, value in data.items() if key != "format"}, schedule)
        _ = found.stages  # each is checked as it is read
        return found

    def write(self, folder: Path) -> None:
        """Write ``schedule.json`` and then ``report.json``, which says that the run is finished."""
        output.save_schedule(self.schedule, folder / SCHEDULE)
        output.write_report(folder, self.text())

    def text(self) -> str:
        """The report as strict JSON."""
        return json_text(self.data)

    @property
    def stages(self) -> list[Report]:
        """The searches, one after another."""
        return [Report.from_dict(stage) for stage in self.data["stages"]]
