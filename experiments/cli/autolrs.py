"""``ritard autolrs``: train a task with its learning rate searched on the way."""

from __future__ import annotations

import json as json_
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from . import read

if TYPE_CHECKING:
    from ...tuners.autolrs import AutoLRSCallback


def autolrs(
    task: Annotated[str, typer.Option(help="What to train, as for compare: digits, fashion, ...")],
    lr: Annotated[
        float | None, typer.Option(help="Base rate to start from; the task's own by default.")
    ] = None,
    optimizer: Annotated[Literal["sgd", "adamw"], typer.Option(help="Its optimizer.")] = "sgd",
    steps: Annotated[
        int | None, typer.Option(help="Updates, without the search; the task's own by default.")
    ] = None,
    schedule: Annotated[
        str, typer.Option(help="Base schedule that the factor multiplies.")
    ] = "linear",
    overhead: Annotated[
        float, typer.Option(help="What the search may cost, as a part of the updates.")
    ] = 0.1,
    stages: Annotated[
        int | None, typer.Option(help="Parts of the run that may begin with a search; up to 8.")
    ] = None,
    candidates: Annotated[int, typer.Option(help="Rates tried in a stage.")] = 5,
    scored: Annotated[int, typer.Option(help="Batches that each is scored on.")] = 8,
    seed: Annotated[int, typer.Option(help="Of weights and batches.")] = 0,
    save: Annotated[
        Path | None, typer.Option(help="Write the learned schedule here (.json).")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the rate and the probes (.png, .svg or .pdf).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Search the learning rate while training a task, and say what it cost and found."""
    from ...schedules import Schedule
    from ..tasks import get_task

    base, found = Schedule.parse(schedule), get_task(task)
    if save is not None:
        read.output("save", save, (".json",))
    if plot is not None:
        read.output("plot", plot, read.PICTURES)
    lr = found.base_lrs[optimizer] if lr is None else lr
    steps = found.total_steps if steps is None else steps

    options: Any = {
        "overhead": overhead,
        "stages": stages,
        "candidates": candidates,
        "scored": scored,
    }
    from ._autolrs_run import run

    callback, test = run(found, optimizer, lr, steps, seed, base, options)
    if save is not None:
        from ...schedules._atomic import write_text

        save.parent.mkdir(parents=True, exist_ok=True)
        write_text(save, json_.dumps(callback.schedule().to_dict()) + "\n")
    if plot is not None:
        from ._autolrs_figure import save_search

        plot.parent.mkdir(parents=True, exist_ok=True)
        save_search(callback.schedule(), callback.reports, lr, steps, plot)
    report = _report(found.metric, callback, lr, steps, test)
    if json:
        sys.stdout.write(json_.dumps(report, indent=1, allow_nan=False) + "\n")
    else:
        _print(report, save)


def _report(
    metric: str, callback: AutoLRSCallback, lr: float, steps: int, test: float | None
) -> dict[str, Any]:
    ledger = callback.ledger
    return {
        "metric": metric,
        "test": test,
        "base_lr": lr,
        "steps": steps,
        "search_steps": ledger.search,
        "scored_batches": ledger.scored,
        "overhead": ledger.overhead,
        "seconds": ledger.seconds,
        "search_seconds": ledger.search_seconds,
        "rates": [[report.start, report.scale * lr] for report in callback.reports],
        "stages": [report.to_dict() for report in callback.reports],
    }


def _print(report: dict[str, Any], save: Path | None) -> None:
    test = "diverged" if report["test"] is None else f"{report['test']:.4g}"
    typer.echo(f"test      {test} ({report['metric']})")
    typer.echo(
        f"cost      {report['steps']} updates + {report['search_steps']} tried and "
        f"{report['scored_batches']} batches scored: overhead {report['overhead']:.1%} "
        f"({report['search_seconds']:.1f} of {report['seconds']:.1f} s)"
    )
    rates = ", ".join(f"{rate:.3g} from {start}" for start, rate in report["rates"])
    typer.echo(f"rates     {rates or report['base_lr']}")
    if save is not None:
        typer.echo(f'next      ritard compare --schedules "linear,refined({save})"')
