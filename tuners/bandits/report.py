"""What solving a sequence of systems gave."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...schedules._atomic import write_text
from ...schedules._state import DAMAGE
from ._learner import Array
from .hindsight import Regret, regret

COLUMNS: dict[str, type] = {
    "arms": np.int64,
    "omegas": np.float64,
    "contexts": np.float64,
    "iterations": np.int64,
    "costs": np.float64,
    "seconds": np.float64,
    "converged": np.bool_,
}
"""The columns of a report and their types."""


@dataclass(frozen=True, eq=False)
class SequenceReport:
    """One entry for each system, in the order of solving; every array has shape (T,).

    Attributes:
        arms: Numbers of the arms chosen.
        omegas: Relaxation factors at the end of each solve (``Adaptive`` moves it within).
        contexts: Contexts; NaN where there was none.
        iterations: Iterations of the solve.
        costs: What the tuner was told.
        seconds: Wall time of the solve, its preparation included.
        converged: Whether the tolerance was met.
        tuning_seconds: Wall time of all asks and tells together.
        meta: Method, tolerances and the tuner's settings, as plain values.
    """

    arms: NDArray[np.int64]
    omegas: Array
    contexts: Array
    iterations: NDArray[np.int64]
    costs: Array
    seconds: Array
    converged: NDArray[np.bool_]
    tuning_seconds: float = 0.0
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __len__(self) -> int:
        """Number of systems solved."""
        return len(self.arms)

    @property
    def total_iterations(self) -> int:
        """Iterations of all solves together."""
        return int(self.iterations.sum())

    @property
    def wall_time(self) -> float:
        """Seconds of solving and tuning together."""
        return float(self.seconds.sum()) + self.tuning_seconds

    def columns(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in COLUMNS}

    def regret(self, costs: ArrayLike, optimum: ArrayLike | None = None) -> Regret:
        """Regret against the best arm of a table of costs, and the optimum where it is known.

        Args:
            costs: (T, d), what each arm would have cost.
            optimum: (T,), the least possible cost of each system.
        """
        return regret(self.costs, costs, optimum)

    def save(self, path: str | Path) -> None:
        """Write the report whole: CSV of the columns where the name ends in .csv, else JSON."""
        write_text(path, self._csv() if Path(path).suffix == ".csv" else self._json())

    @staticmethod
    def load(path: str | Path) -> SequenceReport:
        """Read a report that was saved as JSON.

        Raises:
            OSError: it cannot be read.
            ValueError: it is not such a file.
        """
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
            arrays = {
                name: np.array([math.nan if v is None else v for v in found[name]], dtype)
                for name, dtype in COLUMNS.items()
            }
            return SequenceReport(
                **arrays, tuning_seconds=found["tuning_seconds"], meta=found["meta"]
            )
        except DAMAGE as error:
            raise ValueError(f"{path}: not a saved SequenceReport ({error})") from error

    def _json(self) -> str:
        lists = {name: column.tolist() for name, column in self.columns().items()}
        for name, values in lists.items():
            if COLUMNS[name] is np.float64:  # JSON knows neither NaN nor infinity
                lists[name] = [v if math.isfinite(v) else None for v in values]
        rest = {"tuning_seconds": self.tuning_seconds, "meta": dict(self.meta)}
        return json.dumps(lists | rest, allow_nan=False)

    def _csv(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        columns = {name: column.tolist() for name, column in self.columns().items()}
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        return out.getvalue()
