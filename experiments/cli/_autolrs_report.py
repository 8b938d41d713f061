"""What a run of ``ritard autolrs`` found, and the files that hold it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ...schedules import Schedule
from ...schedules._atomic import write_text
from ...tuners.autolrs import AutoLRSCallback, Report
from ..records import json_text

REPORT, SCHEDULE = "report.json", "schedule.json"


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
        """What a folder holds; None where its run has not finished."""
        if not (folder / REPORT).exists():
            return None
        try:
            data: dict[str, Any] = json.loads((folder / REPORT).read_text("utf-8"))
            schedule = Schedule.from_dict(json.loads((folder / SCHEDULE).read_text("utf-8")))
        except ValueError as error:
            raise ValueError(f"out={str(folder)!r}: a file is damaged: {error}") from error
        return cls({key: value for key, value in data.items() if key != "format"}, schedule)

    def write(self, folder: Path) -> None:
        """Write ``schedule.json`` and then ``report.json``, which says that the run is finished."""
        write_text(folder / SCHEDULE, json.dumps(self.schedule.to_dict()) + "\n")
        write_text(folder / REPORT, self.text())

    def text(self) -> str:
        """The report as strict JSON."""
        return json_text(self.data)

    @property
    def stages(self) -> list[Report]:
        """The searches, one after another."""
        return [Report.from_dict(stage) for stage in self.data["stages"]]
