"""The file from which a killed sequence goes on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...schedules._atomic import atomic_path
from ...schedules._npz import load_npz
from ...schedules._state import DAMAGE
from ._learner import check_settings
from .report import COLUMNS, SequenceReport


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a sequence stands.

    Attributes:
        report: Systems solved so far.
        x: Solution of the last one, if usable.
        tuner: What the tuner had learned from them.
        pending: The choice asked for but not told, as Choice's fields, its value in a list that is
            empty where JSON cannot hold it, and the context asked with; None if there was none.
    """

    report: SequenceReport
    x: NDArray[Any] | None
    tuner: dict[str, Any]
    pending: list[Any] | None

    def save(self, path: str | Path) -> None:
        """Write the file whole: a kill leaves the old one or the new one."""
        text = {
            "tuning_seconds": self.report.tuning_seconds,
            "meta": dict(self.report.meta),
            "tuner": self.tuner,
            "pending": self.pending,
        }
        arrays = self.report.columns() | ({} if self.x is None else {"x": self.x})
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, text=np.array(json.dumps(text)), **arrays)  # type: ignore[arg-type]

    @staticmethod
    def load(path: str | Path, meta: dict[str, Any]) -> Checkpoint:
        """Read a file written by a run with the same ``meta``.

        Raises:
            ValueError: not a checkpoint, or one of a run with other settings.
        """
        try:
            arrays = load_npz(path)
            text = json.loads(str(arrays["text"]))
            columns = {name: arrays[name] for name in COLUMNS}
            report = SequenceReport(
                **columns, tuning_seconds=text["tuning_seconds"], meta=text["meta"]
            )
            found = Checkpoint(report, arrays.get("x"), text["tuner"], text["pending"])
        except DAMAGE as error:
            raise ValueError(f"checkpoint={str(path)!r}: not a checkpoint ({error})") from error
        try:
            check_settings(found.report.meta, meta)
        except ValueError as error:
            raise ValueError(f"checkpoint={str(path)!r}: of another run: {error}") from error
        return found
