"""``ritard score``: schedules by their last-iterate bounds, without training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options, output, read

if TYPE_CHECKING:
    from ...schedules import GradNorms, Schedule


def score(
    schedules: options.Schedules,
    steps: Annotated[int, typer.Option(help="Updates of the run.")],
    norms: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Gradient norms of a run.", show_default="constant norms"
        ),
    ] = None,
    steps_from: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Updates of the run the rate was tuned for.", show_default="--steps"
        ),
    ] = None,
    out: options.Out = None,
    plot: options.Plot = False,
    json: options.Json = False,
) -> None:
    """Rank schedules by their last-iterate bounds; tell how to carry a tuned rate over.

    Files are written only where --out or --plot asks for them.
    """
    from ...schedules._checks import whole
    from ..records import json_text

    whole("steps", steps, low=1)
    if steps_from is not None:
        whole("steps-from", steps_from, low=1)
    found = read.schedules(schedules)
    folder = output.folder("score", out=out) if out is not None or plot else None
    log = None if norms is None else read.norms("norms", norms)
    rows = _rows(found, steps, log, steps_from)
    ranked = sorted(rows, key=lambda row: row["relative"])
    head = {"steps": steps, "steps_from": steps_from or steps, "norms": norms and str(norms)}
    text = json_text(head | {"schedules": ranked})
    if folder is not None:
        output.write_report(folder, text)
        if plot:
            from ..refine_figures import save_scores

            save_scores(found, [row["relative"] for row in rows], steps, folder / "scores.png")
    if json:
        output.show_json(text)
    else:
        _show(ranked, str(found[0]), steps, log, steps_from)
    if folder is not None:
        output.told_folder(folder)


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


def _show(
    rows: list[dict[str, Any]],
    first: str,
    steps: int,
    log: GradNorms | None,
    steps_from: int | None,
) -> None:
    from rich.markup import escape

    from ..tables import table, titled

    of = "constant norms" if log is None else f"recorded {log.norm} norms"
    texts = (
        (escape(row["schedule"]), f"{row['relative']:.3f}", f"x {row['rate_factor']:.3g}")
        for row in rows
    )
    made = table(("schedule", "bound / best", "base rate"), texts)
    output.show(
        *titled(f"last-iterate bounds over {steps} updates, {of}", made),
        f"base rate: times one tuned for {escape(first)} over {steps_from or steps} updates.\n"
        "Bounds compare schedules; they predict no loss.",
    )
    if log is not None and log.norm == "l1":
        output.show("The bound is derived for l2 norms: with l1 norms it is an indication.")
