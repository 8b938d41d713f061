"""``ritard score``: schedules by their last-iterate bounds, without training."""

from __future__ import annotations

import json as json_
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import read

if TYPE_CHECKING:
    from ...schedules import GradNorms, Schedule


def score(
    schedules: Annotated[
        str, typer.Option(help='With commas between them: linear,"refined(norms.jsonl)".')
    ],
    steps: Annotated[int, typer.Option(help="Updates of the run.")],
    norms: Annotated[
        Path | None, typer.Option(help="Gradient norms of a run; constant by default.")
    ] = None,
    steps_from: Annotated[
        int | None, typer.Option(help="Updates of the run the rate was tuned for, if others.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw here (.png, .svg or .pdf).")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Rank schedules by their last-iterate bounds; tell how to carry a tuned rate over."""
    from ...schedules import GradNorms

    found = read.schedules(schedules)
    if plot is not None:
        read.output("plot", plot, read.PICTURES, keep=norms)
    log = None if norms is None else GradNorms.load(norms)
    rows = _rows(found, steps, log, steps_from)
    if plot is not None:
        from ..figures import save_scores

        plot.parent.mkdir(parents=True, exist_ok=True)
        save_scores(found, [row["relative"] for row in rows], steps, plot)
    ranked = sorted(rows, key=lambda row: row["relative"])
    if json:
        head = {"steps": steps, "steps_from": steps_from or steps, "norms": norms and str(norms)}
        text = json_.dumps(head | {"schedules": ranked}, indent=1, allow_nan=False)
        sys.stdout.write(text + "\n")
    else:
        _print(ranked, str(found[0]), steps, log, steps_from)


def _rows(
    schedules: Sequence[Schedule], steps: int, log: GradNorms | None, steps_from: int | None
) -> list[dict[str, Any]]:
    """A row for each schedule, in the order given."""
    from ...schedules import bound

    grad_norms = 1.0 if log is None else log
    bounds = [bound(schedule, steps, grad_norms) for schedule in schedules]
    tuned = bounds[0] if steps_from is None else bound(schedules[0], steps_from, grad_norms)
    best = min(b.value for b in bounds)
    return [
        {
            "schedule": str(schedule),
            "bound": b.value,
            "relative": b.value / best,
            "best_base_lr": b.best_base_lr,
            "rate_factor": b.best_base_lr / tuned.best_base_lr,
        }
        for schedule, b in zip(schedules, bounds, strict=True)
    ]


def _print(
    rows: list[dict[str, Any]],
    first: str,
    steps: int,
    log: GradNorms | None,
    steps_from: int | None,
) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    of = "constant norms" if log is None else f"recorded {log.norm} norms"
    table = Table(title=f"last-iterate bounds over {steps} updates, {of}", title_justify="left")
    table.add_column("schedule")
    table.add_column("bound / best", justify="right")
    table.add_column("base rate", justify="right")
    for row in rows:
        factor = f"x {row['rate_factor']:.3g}"
        table.add_row(escape(row["schedule"]), f"{row['relative']:.3f}", factor)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    console.print(
        f"base rate: times one tuned for {escape(first)} over {steps_from or steps} updates.\n"
        "Bounds compare schedules; they predict no loss.",
        highlight=False,
    )
    if log is not None and log.norm == "l1":
        console.print("The bound is derived for l2 norms: with l1 norms it is an indication.")
