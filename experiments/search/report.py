"""What a search found, as a table, as files, and as schedules to load."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from ...schedules._atomic import write_text
from ...solvers.diffusion import _json
from .jobs import Found
from .task import Task

Findings = Mapping[int, Found]

COLUMNS: tuple[str, ...] = ("nfe", "sampler", "searched", "train", "validation", "test", "ratio")


def to_json(task: Task, found: Findings) -> str:
    """All of it as strict JSON; a score that is infinite is the word "inf"."""
    data = {
        "format": 1,
        "task": task.to_dict(),
        "found": {str(nfe): one.to_dict() for nfe, one in found.items()},
    }
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def write(task: Task, found: Findings, folder: Path) -> None:
    """Write ``report.json`` and ``table.csv``, each whole or not at all."""
    write_text(folder / "report.json", to_json(task, found))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for one in found.values() for row in rows(one))
    write_text(folder / "table.csv", text.getvalue())


def rows(found: Found) -> Iterator[dict[str, Any]]:
    """What was found, then every fixed solver on its best grid, the best on test first."""
    result, base = found.result, found.result.fixed_scores.test
    own = {"nfe": result.nfe, "sampler": "found", "searched": result.searched}
    yield own | {**vars(result.scores), "ratio": result.ratio}
    fixed = {"nfe": result.nfe, "searched": ""}
    best = {"sampler": result.fixed_name, **vars(result.fixed_scores), "ratio": 1.0}
    yield fixed | best
    for rival in sorted(found.rivals, key=lambda rival: rival.test):
        if rival.name != result.fixed_name:
            scores = {"train": rival.train, "validation": "", "test": rival.test}
            yield fixed | {"sampler": rival.name, **scores, "ratio": rival.test / base}


def save_schedules(found: Findings, path: Path) -> list[Path]:
    """Write the samplers, as :class:`~ritard.solvers.diffusion.RitardScheduler` loads them.

    One NFE goes to ``path`` itself; of several each goes to a file of its own: of
    "schedule.json", NFE 5 to "schedule-nfe5.json".

    Returns:
        The files.
    """
    written: list[Path] = []
    path.parent.mkdir(parents=True, exist_ok=True)
    for nfe, one in found.items():
        target = schedule_path(path, nfe, len(found))
        write_text(target, json.dumps(one.result.sampler.to_dict(), indent=1) + "\n")
        written.append(target)
    return written


def schedule_path(path: Path, nfe: int, count: int) -> Path:
    """Where one of ``count`` schedules goes.

    Example:
        >>> schedule_path(Path("out/schedule.json"), 5, 3).name
        'schedule-nfe5.json'
    """
    return path if count == 1 else path.with_stem(f"{path.stem}-nfe{nfe}")


def table(task: Task, found: Findings) -> Table:
    """For people: a row an NFE."""
    search, choose, report = task.noises
    shown = Table(
        title=(
            f"{task.model}: {task.evaluations} evaluations an NFE, {task.method}, seed {task.seed}"
        ),
        caption=(
            f"Scores on {report} test noises, which chose nothing; found on {search}, chosen on "
            f"{choose}. Geometric mean of the samples' errors."
        ),
    )
    for name in ("NFE", "best fixed solver", "its score", "found", "ratio", "by", "cost"):
        shown.add_column(name, justify="left" if name in ("best fixed solver", "by") else "right")
    for nfe, one in found.items():
        result, cost = one.result, one.result.cost
        shown.add_row(
            str(nfe),
            result.fixed_name,
            f"{result.fixed_scores.test:.4g}",
            f"{result.scores.test:.4g}",
            f"{result.ratio:.2f}",
            result.origin,
            f"{cost.evaluations} evaluations, {cost.seconds:.0f} s",
        )
    return shown


def load(path: Path) -> Findings:
    """The findings in a ``report.json``; ValueError where it is not one."""
    data = _json.load(path)
    with _json.reading("report of a search"):
        return {int(nfe): Found.from_dict(one) for nfe, one in data["found"].items()}
