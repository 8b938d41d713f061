"""The suite's files: all results as JSON, from which it goes on, and a table as CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ...schedules._atomic import write_text
from ..records import csv_text, or_inf, read_json, write_json
from .gains import Gain
from .suite import NAMES, REFERENCE, SETS, Protocol, Result
from .summary import paired
from .tune import Tuned

FORMAT = 1


class Store:
    """Finished sets in ``report.json``; those of another protocol are left out.

    Raises:
        ValueError: the file is there and holds something else.
    """

    def __init__(self, path: Path, protocol: Protocol) -> None:
        self._path = path
        self._head = {"format": FORMAT, "protocol": asdict(protocol)}
        self._results = _read(path, self._head)

    @property
    def results(self) -> list[Result]:
        """Those finished, in the order of the suite."""
        return sorted(self._results.values(), key=lambda result: SETS.index(result.name))

    def __contains__(self, name: str) -> bool:
        """Whether a set has finished."""
        return name in self._results

    def add(self, result: Result) -> None:
        """Keep a result; the file is written whole."""
        self._results[result.name] = result
        write_json(self._path, self._head | {"sets": [asdict(found) for found in self.results]})


def write_table(results: Sequence[Result], path: Path) -> None:
    """One row for each set and schedule."""
    write_text(path, csv_text(_row(result, name) for result in results for name in NAMES))


def write_gains(gains: Sequence[Gain], path: Path) -> None:
    """One row for each problem."""
    write_text(path, csv_text(asdict(gain) for gain in gains))


def _row(result: Result, name: str) -> dict[str, Any]:
    tuned = result.tuned[name]
    row: dict[str, Any] = {"set": result.name, "schedule": name, "lr": f"{tuned.lr:.6g}"}
    row |= {"edge": tuned.edge, "n": len(tuned.gaps)}
    row |= {"gap": tuned.gap, "gap_stderr": stderr(tuned.gaps)}
    row |= {"test_error": tuned.error, "test_error_stderr": stderr(tuned.errors)}
    if name == REFERENCE:
        return row
    against = paired(result, name)
    row |= {"difference": against.difference, "half_width": against.half_width}
    return row | {"verdict": against.verdict}


def stderr(values: Sequence[float]) -> float:
    """Standard error of the mean; nan where a run diverged or there is one."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return math.nan
    return float(np.std(values, ddof=1)) / math.sqrt(len(values))


def _read(path: Path, head: dict[str, Any]) -> dict[str, Result]:
    if not path.exists():
        return {}

    def results(data: Any) -> dict[str, Result]:
        same = all(data[key] == value for key, value in head.items())
        return {entry["name"]: _of_dict(entry) for entry in data["sets"]} if same else {}

    return read_json(path, results)


def _of_dict(data: dict[str, Any]) -> Result:
    tuned = {name: _tuned(entry) for name, entry in data["tuned"].items()}
    changed: dict[str, Any] = {key: tuple(data[key]) for key in ("norms", "shape")}
    changed["tuned"] = tuned
    return Result(**(data | changed))


def _tuned(data: dict[str, Any]) -> Tuned:
    lr = math.nan if data["lr"] is None else data["lr"]
    gaps, errors = (tuple(map(or_inf, data[metric])) for metric in ("gaps", "errors"))
    return Tuned(lr, data["edge"], gaps, errors)
