"""The tables of the evidence: markdown for reading, CSV and JSON for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ....schedules._atomic import write_text
from ...records import csv_text, write_json
from .bootstrap import Ratio
from .judged import Distances
from .protocol import Protocol
from .study import Outcome
from .summary import Payback, Row

ERRORS = ("geometric", "rmse", "median", "q90", "q99", "flips")


def markdown(rows: Sequence[Row], labels: Mapping[str, str]) -> Iterator[str]:
    """Errors of every method, a line each; the ratio's interval is of the test noises."""
    yield "| NFE | method | geometric | / fixed | seeds | RMSE | / fixed | median | 90 % | 99 % "
    yield "| flips % | evaluations | s |\n|" + "---|" * 13 + "\n"
    for row in rows:
        name = labels.get(row.method, row.method) + (f": {row.label}" if row.label else "")
        ends = f"{min(row.by_seed):.2f} to {max(row.by_seed):.2f}" if row.seeds > 1 else ""
        e = row.errors
        yield f"| {row.nfe} | {name} | {e.geometric:.3g} | {_ratio(row.to_fixed)} | {ends} "
        yield f"| {e.rmse:.3g} | {_ratio(row.rmse_to_fixed)} | {e.median:.3g} | {e.q90:.3g} "
        yield f"| {e.q99:.3g} | {100 * e.flips:.1f} | {row.evaluations:.0f} | {row.seconds:.0f} |\n"


def markdown_ratios(rows: Sequence[Row], labels: Mapping[str, str]) -> Iterator[str]:
    """The short table: errors over those of the best fixed solver, a column for each NFE.

    Geometric mean over the seeds, with the range of the seeds in brackets.
    """
    nfes = sorted({row.nfe for row in rows})
    held = {(row.method, row.nfe): row for row in rows}
    yield "| | " + " | ".join(map(str, nfes)) + " |\n|" + "---|" * (1 + len(nfes)) + "\n"
    for method in dict.fromkeys(row.method for row in rows):
        found = [held.get((method, nfe)) for nfe in nfes]
        texts = ["" if row is None else _short(row) for row in found]
        yield f"| {labels.get(method, method)} | " + " | ".join(texts) + " |\n"


def _short(row: Row) -> str:
    if row.to_fixed is None:
        return f"{row.errors.geometric:.3g}"
    low, high = min(row.by_seed), max(row.by_seed)
    ends = f" ({low:.2g} to {high:.2g})" if row.seeds > 1 else ""
    return f"{row.to_fixed.value:.2g}{ends}"


def markdown_distances(
    rows: Sequence[Row], floor: Distances, labels: Mapping[str, str]
) -> Iterator[str]:
    """Distances of distributions; the first line is what exact samples have."""
    names = list(floor)
    yield "| NFE | method | " + " | ".join(names) + " |\n|" + "---|" * (2 + len(names)) + "\n"
    yield "| | exact samples (the floor) | " + " | ".join(f"{floor[n]:.3g}" for n in names) + " |\n"
    for row in rows:
        figures = " | ".join(f"{row.distances[n]:.3g}" for n in names)
        yield f"| {row.nfe} | {labels.get(row.method, row.method)} | {figures} |\n"


def markdown_payback(paid: Sequence[tuple[Row, Payback]], labels: Mapping[str, str]) -> str:
    """What a search saves, and when it has paid for itself."""
    text = "| NFE | method | fixed solvers need | images until paid back |\n|---|---|---|---|\n"
    for row, back in paid:
        reached = back.nfe <= back.tried
        need = f"{back.nfe:.0f} NFE" if reached else f"more than {back.tried} NFE"
        images = f"{back.images:,.0f}" if reached else f"at most {back.images:,.0f}"
        if back.images == float("inf"):
            images = "never" if reached else "not known"
        name = labels.get(row.method, row.method)
        text += f"| {row.nfe} | {name} | {need} | {images} |\n"
    return text


def write_report(
    protocol: Protocol,
    rows: Sequence[Row],
    floor: Distances,
    outcomes: Sequence[Outcome],
    extra: Mapping[str, Any],
    folder: Path,
) -> None:
    """``table.csv``, and ``report.json`` with every sampler that was found and its figures."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [_line(row) for row in rows]
    write_text(folder / "table.csv", csv_text(lines))
    report = {"protocol": asdict(protocol), "floor": floor, **extra}
    report["cells"] = [_cell(outcome) for outcome in outcomes]
    write_json(folder / "report.json", report, indent=None)


def _line(row: Row) -> dict[str, Any]:
    line: dict[str, Any] = {"nfe": row.nfe, "method": row.method, "solver": row.label}
    line |= {"seeds": row.seeds} | {n: f"{getattr(row.errors, n):.5g}" for n in ERRORS}
    for name in ("to_fixed", "rmse_to_fixed"):
        ratio: Ratio | None = getattr(row, name)
        ends = ("", "", "") if ratio is None else (ratio.value, ratio.low, ratio.high)
        texts = [value and f"{value:.4g}" for value in ends]
        line |= dict(zip((name, f"{name} low", f"{name} high"), texts, strict=True))
    line["by seed"] = " ".join(f"{value:.4g}" for value in row.by_seed)
    line |= {name: f"{value:.5g}" for name, value in row.distances.items()}
    line |= {"evaluations": row.evaluations, "seconds": f"{row.seconds:.1f}"}
    return line | {"forwards": round(row.forwards)}


def _cell(outcome: Outcome) -> dict[str, Any]:
    found = {**vars(outcome.found), "sampler": outcome.found.sampler.to_dict()}
    figures = {"errors": asdict(outcome.errors), "distances": outcome.distances}
    return {**asdict(outcome.cell), **found, **figures}


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
