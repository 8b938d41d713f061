"""The synthetic study's tables: in the terminal, as CSV and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from ...schedules._atomic import write_text
from ..records import csv_text, write_json
from ..tables import table, titled
from .study import Protocol, Scores
from .summary import Row

Quoted = Mapping[str, Mapping[str, float]]
COLUMNS = ("", "iterations", "SD", "reference", "/ optimum", "/ best fixed", "by quarters")


def render_synthetic(
    protocol: Protocol, rows: Mapping[str, Sequence[Row]], quoted: Quoted, seconds: float
) -> Iterator[RenderableType]:
    """A table for each variance."""
    for variance, found in rows.items():
        title = (
            f"{variance} variance: iterations per instance, T={protocol.steps}, "
            f"n={protocol.trials} trials (mean ± standard error)"
        )
        texts = (_texts(row, quoted[variance].get(row.name)) for row in found)
        yield from titled(title, table(COLUMNS, texts))
    yield Text(f"{seconds:.0f} s of one core for all trials")


def write_synthetic(
    protocol: Protocol,
    trials: Mapping[str, Sequence[Scores]],
    rows: Mapping[str, Sequence[Row]],
    quoted: Quoted,
    seconds: float,
    folder: Path,
) -> None:
    """``table.csv``, and ``report.json`` with the mean of every trial."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [_line(v, row, quoted[v].get(row.name)) for v, found in rows.items() for row in found]
    write_text(folder / "table.csv", csv_text(lines))
    means = {variance: _means(found, rows[variance]) for variance, found in trials.items()}
    report = {"protocol": asdict(protocol), "core_seconds": round(seconds, 1), "means": means}
    write_json(folder / "report.json", report)


def _means(trials: Sequence[Scores], rows: Sequence[Row]) -> dict[str, list[float]]:
    names = [row.name for row in rows]
    return {name: [round(trial[name].mean, 4) for trial in trials] for name in names}


def _texts(row: Row, quoted: float | None) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.mean:.2f} ± {row.stderr:.2f}",
        f"{row.spread:.2f}",
        "" if quoted is None else f"{quoted:g}",
        f"{row.to_optimum:.3f}",
        f"{row.to_fixed:.3f}",
        "  ".join(f"{mean:.1f}" for mean in row.quarters),
    )


def _line(variance: str, row: Row, quoted: float | None) -> dict[str, Any]:
    line: dict[str, Any] = {"variance": variance, "comparator": row.name}
    line |= {name: f"{getattr(row, name):.4f}" for name in ("mean", "stderr", "spread")}
    line |= {"reference": quoted, "to_optimum": f"{row.to_optimum:.4f}"}
    line |= {"to_fixed": f"{row.to_fixed:.4f}", "verdict_against_fixed": row.against_fixed.verdict}
    return line | {f"quarter_{k}": f"{mean:.3f}" for k, mean in enumerate(row.quarters, 1)}
