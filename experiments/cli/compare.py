"""``ritard compare``: schedules on real tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..failure import Failure
from . import options, output, read

if TYPE_CHECKING:
    from ..compare import Grid, Report, Workers
    from ..compare.estimate import Estimate
    from ..rules import Control


def compare(
    schedules: options.Schedules = "linear,cosine,rex",
    task: Annotated[str, typer.Option(help="One task or several, with commas.")] = "digits",
    optimizer: Annotated[str, typer.Option(help="sgd, adamw or both, with commas.")] = "sgd",
    budgets: Annotated[
        str, typer.Option(help="Lengths of the runs, in % of the task's steps.")
    ] = "1,5,10,25,50,100",
    lr_grid: Annotated[
        str, typer.Option(help="auto (multiples of 3, widened as needed), or rates with commas.")
    ] = "auto",
    reference: Annotated[
        str | None,
        typer.Option(help="The schedule to compare with.", show_default="the first schedule"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many runs, and about how long.")
    ] = False,
    seeds: options.Seeds = 3,
    storage: options.Storage = None,
    jobs: options.Jobs = 1,
    threads: options.Threads = 1,
    accelerator: options.Accelerator = "cpu",
    out: options.Out = None,
    plot: options.Plot = False,
    json: options.Json = False,
) -> None:
    """Compare schedules at equal budgets, each at its best learning rate.

    Rules that react to the run, as online, may stand among the schedules. Stopped or killed, the
    same command goes on where it was; started again elsewhere on the same --storage, it shares
    the work.
    """
    from ..compare import Grid
    from ..tasks import get_task
    from ..trials.storage import sqlite_url

    with read.named(optimizers="optimizer", rates="lr-grid"):
        grid = Grid(
            schedules=read.controls(schedules),
            tasks=tuple(get_task(name).name for name in read.words("task", task)),
            optimizers=read.words("optimizer", optimizer),
            budgets=read.numbers("budgets", budgets),
            seeds=seeds,
            rates=read.rates(lr_grid),
        )
    workers = read.workers(jobs, threads, accelerator)
    folder = output.folder("compare", "+".join(grid.tasks), out)
    usual = folder / "trials.db"
    url = sqlite_url(usual) if storage is None else storage
    known = None if storage is None and not usual.exists() else url
    against = _reference(grid, reference)
    _check(grid, known)
    if dry_run:
        _dry_run(grid, known, workers, json)
        return
    folder.mkdir(parents=True, exist_ok=True)
    report = _run(grid, url, workers, folder, against)
    _show(report, folder, plot, json)


def _reference(grid: Grid, text: str | None) -> Control:
    if text is None:
        return grid.schedules[0]
    (found, *more) = read.controls(text, "reference")
    if more or found not in grid.schedules:
        raise ValueError(
            f"reference={text!r}: expected one of " + ", ".join(map(str, grid.schedules))
        )
    return found


def _check(grid: Grid, url: str | None) -> None:
    """What can only be told by looking: the storage and the data."""
    from ..tasks import get_task
    from ..trials.storage import check_storage

    if url is not None:
        check_storage(url)
    for name in grid.tasks:
        get_task(name).loaders(seed=0)


def _run(grid: Grid, url: str, workers: Workers, folder: Path, reference: Control) -> Report:
    from ..compare import make_report, run_grid, write_files
    from ..trials.storage import hidden

    output.note(f"runs are kept in {hidden(url)}")
    outcomes = run_grid(grid, url, workers)
    report = make_report(grid, outcomes, reference)
    write_files(report, outcomes, folder)
    return report


def _show(report: Report, folder: Path, plot: bool, json: bool) -> None:
    from ..compare import draw_all, render, to_json

    if plot:
        draw_all(report, folder)
    if json:
        output.show_json(to_json(report))
    else:
        output.show(*render(report))
    output.told_folder(folder)
    if report.failures:
        raise Failure("some runs failed; the same command tries them again")
    if not any(score.finite for score in report.scores.values()):
        raise Failure("every run diverged; try lower rates with --lr-grid")


def _dry_run(grid: Grid, url: str | None, workers: Workers, json: bool) -> None:
    from ..compare.estimate import estimate
    from ..records import json_text

    found = estimate(grid, url, workers)
    if json:
        output.show_json(json_text(found.to_dict()))
        return
    least = "" if grid.rates else "at least "
    output.say(f"{least}{found.runs} runs, {found.updates} updates in all")
    if found.done:
        output.say(f"{found.done} runs are done already")
    for setting, cost in found.costs.items():
        output.say(f"{setting}: {1e3 * cost.update:.2g} ms an update, {cost.run:.2g} s a run")
    output.say(f"about {_duration(found)} with {workers.jobs} jobs; nothing was run or written")


def _duration(found: Estimate) -> str:
    for unit, seconds in (("h", 3600), ("min", 60)):
        if found.seconds > 2 * seconds:
            return f"{found.seconds / seconds:.0f} {unit}"
    return f"{found.seconds:.0f} s"
