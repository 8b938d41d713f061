"""The files of a report: one row a run, one row a field, and everything as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...schedules._atomic import write_text
from ..records import csv_text, finite, json_text
from ..tasks import get_task
from .grid import Cell, percent, updates
from .plan import Outcomes, make_plan
from .report import Report

_RUN_COLUMNS = ("lr", "seed", "val", "test", "diverged", "updates", "seconds", "failed")
_CELL_COLUMNS = ("updates", "lr", "mean", "stderr", "n", "best", "note")
_WHERE = ("task", "optimizer", "schedule", "budget")


def write_files(report: Report, outcomes: Outcomes, folder: Path) -> None:
    """Write ``results.csv``, ``table.csv`` and ``report.json``, each whole or not at all."""
    write_text(folder / "results.csv", csv_text(_run_rows(report, outcomes), _WHERE + _RUN_COLUMNS))
    rows = [_cell_row(report, cell) for cell in report.scores]
    write_text(folder / "table.csv", csv_text(rows, _WHERE + _CELL_COLUMNS))
    write_text(folder / "report.json", to_json(report))


def to_json(report: Report) -> str:
    """The report as strict JSON: null stands for what diverged, failed or cannot be told."""
    grid = report.grid
    data = {
        "seeds": grid.seeds,
        "budgets": grid.budgets,
        "schedules": [schedule.to_dict() for schedule in grid.schedules],
        "reference": str(report.reference),
        "metrics": {task: get_task(task).metric for task in grid.tasks},
        "table": [_cell_json(report, cell) for cell in report.scores],
        "rank_shares": _shares_json(report),
        "comparisons": [_paired_json(report, cell) for cell in report.comparisons],
        "failures": [_where(cell) | {"reason": why} for cell, why in report.failures.items()],
    }
    return json_text(data)


def _where(cell: Cell) -> dict[str, Any]:
    setting = cell.setting
    schedule, budget = str(cell.schedule), float(percent(cell.budget))
    return dict(zip(_WHERE, (setting.task, setting.optimizer, schedule, budget), strict=True))


def _run_rows(report: Report, outcomes: Outcomes) -> Iterable[dict[str, Any]]:
    for run in make_plan(report.grid, outcomes).runs:
        yield _where(run.cell) | {"seed": run.seed} | vars(outcomes[run.key])


def _cell_row(report: Report, cell: Cell) -> dict[str, Any]:
    score = report.scores[cell]
    return _where(cell) | {
        "updates": updates(cell.setting.task, cell.budget),
        "lr": score.lr,
        "mean": finite(score.mean),
        "stderr": finite(score.stderr),
        "n": len(score.tests),
        "best": report.is_best(score),
        "note": score.note,
    }


def _cell_json(report: Report, cell: Cell) -> dict[str, Any]:
    score = report.scores[cell]
    return _cell_row(report, cell) | {
        "tests": score.tests,
        "validation": score.validation,
    }


def _shares_json(report: Report) -> list[dict[str, Any]]:
    return [
        {"schedule": str(schedule), "budgets": group} | vars(share)
        for group, shares in report.shares.items()
        for schedule, share in zip(report.grid.schedules, shares, strict=True)
    ]


def _paired_json(report: Report, cell: Cell) -> dict[str, Any]:
    paired = report.comparisons[cell]
    return _where(cell) | {
        "n": paired.n,
        "difference": paired.difference,
        "interval": paired.interval,
        "smallest_to_show": paired.half_width,
        "verdict": paired.verdict,
    }
