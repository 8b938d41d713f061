"""What ``ritard relax`` found: its table, files and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import RenderableType

from ...schedules._atomic import write_text
from ...tuners.bandits import SequenceReport, plot_omegas, plot_solved
from ..records import csv_text, finite, json_text
from ..tables import table, titled
from .run import Task

COLUMNS = ("contexts", "omegas", "iterations", "converged", "seconds")
"""Of a row a system."""


@dataclass(frozen=True)
class Sequences:
    """One sequence of systems under several tuners.

    Attributes:
        task: What was solved.
        reports: Of the tuners, by name.
    """

    task: Task
    reports: Mapping[str, SequenceReport]

    def rows(self) -> list[dict[str, Any]]:
        """One for each tuner: totals over the sequence, plain values."""
        first = next(iter(self.reports.values())).total_iterations
        return [_row(name, report, first) for name, report in self.reports.items()]

    def to_json(self) -> str:
        """The report as JSON: settings and rows, no times."""
        timed = ("solve_seconds", "tuning_seconds")
        rows = [{k: v for k, v in row.items() if k not in timed} for row in self.rows()]
        return json_text({"task": asdict(self.task), "tuners": rows})


def _row(name: str, report: SequenceReport, first: int) -> dict[str, Any]:
    total = report.total_iterations
    return {
        "tuner": name,
        "systems": len(report),
        "iterations": total,
        "per_system": total / len(report),
        "to_first": total / first if first else None,
        "last_quarter": float(report.iterations[-max(len(report) // 4, 1) :].mean()),
        "median_omega": finite(float(np.median(report.omegas))),  # none of plain CG
        "failed": int((~report.converged).sum()),
        "solve_seconds": round(float(report.seconds.sum()), 4),
        "tuning_seconds": round(report.tuning_seconds, 4),
    }


def write(found: Sequences, folder: Path) -> None:
    """``results.csv`` (a row a system), ``table.csv`` (a row a tuner) and ``report.json``."""
    rows = found.rows()
    write_text(folder / "table.csv", csv_text(rows))
    lines = [line for name, report in found.reports.items() for line in _lines(name, report)]
    write_text(folder / "results.csv", csv_text(lines))
    write_text(folder / "report.json", found.to_json())


def _lines(name: str, report: SequenceReport) -> Iterator[dict[str, Any]]:
    columns = [report.columns()[column].tolist() for column in COLUMNS]
    for number, values in enumerate(zip(*columns, strict=True), 1):
        yield {"tuner": name, "system": number, **dict(zip(COLUMNS, values, strict=True))}


def render(found: Sequences) -> Iterator[RenderableType]:
    """The table, and what its columns mean."""
    task, rows = found.task, found.rows()
    title = (
        f"{task.problem}, {rows[0]['systems']} systems, {task.method}, rtol {task.rtol:g}, "
        f"seed {task.seed}: iterations (lower is better)"
    )
    columns = ["tuner", "total", "a system", "last quarter", f"/ {rows[0]['tuner']}"]
    columns += ["median omega", "failed", "solving s", "tuning s"]
    yield from titled(title, table(columns, map(_texts, rows)))


def _texts(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["tuner"],
        f"{row['iterations']}",
        f"{row['per_system']:.2f}",
        f"{row['last_quarter']:.2f}",
        "" if row["to_first"] is None else f"{row['to_first']:.3f}",
        "" if row["median_omega"] is None else f"{row['median_omega']:.3g}",
        f"{row['failed']}",
        f"{row['solve_seconds']:.2f}",
        f"{row['tuning_seconds']:.2f}",
    )


def draw(found: Sequences, folder: Path) -> None:
    """``omegas.png`` and ``solved.png``."""
    from ..figures import save

    save([lambda ax: plot_omegas(found.reports, ax)], (10, 5), folder / "omegas.png")
    save([lambda ax: plot_solved(found.reports, ax)], (10, 5), folder / "solved.png")
