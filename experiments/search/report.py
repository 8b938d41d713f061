"""What a search found, as a table, as files, and as schedules to load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from ...schedules._atomic import write_text
from ...solvers.diffusion import _json
from ..records import csv_text, json_text
from ..tables import table, titled
from .jobs import Found
from .task import Task

Findings = Mapping[int, Found]

COLUMNS: tuple[str, ...] = ("nfe", "sampler", "searched", "train", "validation", "test", "ratio")


def to_json(task: Task, found: Findings) -> str:
    """All of it as strict JSON; a score that is infinite is the word "inf"."""
    by_nfe = {str(nfe): one.to_dict() for nfe, one in found.items()}
    return json_text({"task": task.to_dict(), "found": by_nfe})


def write(task: Task, found: Findings, folder: Path) -> None:
    """Write ``report.json`` and ``table.csv``, each whole or not at all."""
    write_text(folder / "report.json", to_json(task, found))
    lines = [row for one in found.values() for row in rows(one)]
    write_text(folder / "table.csv", csv_text(lines, COLUMNS))


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
        _json.save(target, one.result.sampler.to_dict())
        written.append(target)
    return written


def schedule_path(path: Path, nfe: int, count: int) -> Path:
    """Where one of ``count`` schedules goes.

    Example:
        >>> schedule_path(Path("out/schedule.json"), 5, 3).name
        'schedule-nfe5.json'
    """
    return path if count == 1 else path.with_stem(f"{path.stem}-nfe{nfe}")


def render(task: Task, found: Findings) -> Iterator[RenderableType]:
    """For people: a row an NFE, and what the scores are."""
    search, choose, report = task.noises
    columns = ("NFE", "best fixed solver", "its score", "found", "ratio", "by", "cost")
    shown = table(columns, (_texts(one) for one in found.values()), ("best fixed solver", "by"))
    title = f"{task.model}: {task.evaluations} evaluations an NFE, {task.method}, seed {task.seed}"
    yield from titled(title, shown)
    yield Text(
        f"Scores on {report} test noises, which chose nothing; found on {search}, chosen on "
        f"{choose}. Geometric mean of the samples' errors."
    )


def _texts(found: Found) -> tuple[str, ...]:
    result, cost = found.result, found.result.cost
    return (
        str(result.nfe),
        result.fixed_name,
        f"{result.fixed_scores.test:.4g}",
        f"{result.scores.test:.4g}",
        f"{result.ratio:.2f}",
        result.origin,
        f"{cost.evaluations} evaluations, {cost.seconds:.0f} s",
    )


def load(path: Path) -> Findings:
    """The findings in a ``report.json``; ValueError where it is not one."""
    data = _json.load(path)
    with _json.reading("report of a search"):
        return {int(nfe): Found.from_dict(one) for nfe, one in data["found"].items()}
