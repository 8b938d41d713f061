"""``ritard compare``: schedules on real tasks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import read

if TYPE_CHECKING:
    from ..compare import Grid, Report, Workers
    from ..compare.estimate import Estimate


def compare(
    schedules: Annotated[
        str,
        typer.Option(help='With commas between them: linear,rex,"uba(phi=1)"; online too.'),
    ] = "linear,cosine,rex",
    task: Annotated[str, typer.Option(help="One task or several, with commas.")] = "digits",
    optimizer: Annotated[str, typer.Option(help="sgd, adamw or both, with commas.")] = "sgd",
    budgets: Annotated[
        str, typer.Option(help="Lengths of the runs, in % of the task's steps.")
    ] = "1,5,10,25,50,100",
    seeds: Annotated[int, typer.Option(help="Number of seeds.")] = 3,
    lr_grid: Annotated[
        str, typer.Option(help="auto (multiples of 3, widened as needed), or rates with commas.")
    ] = "auto",
    reference: Annotated[
        str, typer.Option(help="The schedule to compare with; by default the first.")
    ] = "",
    out: Annotated[
        str, typer.Option(help="Folder of the results; by default ritard-runs/compare-TASK.")
    ] = "",
    storage: Annotated[
        str,
        typer.Option(
            help="Where runs are kept and shared: an SQLAlchemy URL or journal:PATH; by default "
            "an SQLite file in the folder of the results."
        ),
    ] = "",
    jobs: Annotated[int, typer.Option(help="Worker processes.")] = 1,
    threads: Annotated[int, typer.Option(help="Torch threads of each worker.")] = 1,
    accelerator: Annotated[str, typer.Option(help="cpu, gpu, mps or auto.")] = "cpu",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many runs, and about how long.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON instead of tables.")
    ] = False,
) -> None:
    """Compare schedules at equal budgets, each at its best learning rate.

    Stopped or killed, the same command goes on where it was; started again elsewhere on the same
    --storage, it shares the work.
    """
    from ..compare import Grid, Workers
    from ..tasks import get_task

    grid = Grid(
        schedules=read.controls(schedules),
        tasks=tuple(get_task(name).name for name in read.words("task", task)),
        optimizers=read.words("optimizer", optimizer),
        budgets=read.numbers("budgets", budgets),
        seeds=seeds,
        rates=read.rates(lr_grid),
    )
    workers = Workers(jobs, threads, accelerator)
    folder = read.writable_folder("out", Path(out) if out else _folder(grid))
    usual = folder / "trials.db"
    url = storage or f"sqlite:///{usual}"
    known = url if storage or usual.exists() else None
    _check(grid, reference, known)
    if dry_run:
        _dry_run(grid, known, workers)
    else:
        _run(grid, url, workers, folder, reference, json)


def _folder(grid: Grid) -> Path:
    return Path("ritard-runs") / ("compare-" + "+".join(grid.tasks)).replace(":", "-")


def _check(grid: Grid, reference: str, url: str | None) -> None:
    """What can only be told by looking: the reference, the storage and the data."""
    from ..tasks import get_task
    from ..trials.storage import check_storage

    if reference and read.controls(reference)[0] not in grid.schedules:
        raise ValueError(
            f"reference={reference!r}: expected one of "
            + ", ".join(str(schedule) for schedule in grid.schedules)
        )
    if url:
        check_storage(url)
    for name in grid.tasks:
        get_task(name).loaders(seed=0)


def _run(grid: Grid, url: str, workers: Workers, folder: Path, reference: str, json: bool) -> None:
    from ..compare import WorkersDied, draw_all, make_report, run_grid, to_json, write_files
    from ..trials.storage import hidden

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"out={str(folder)!r}: cannot be made: {error.strerror}") from error
    typer.echo(f"runs are kept in {hidden(url)}", err=True)
    try:
        outcomes = run_grid(grid, url, workers)
    except WorkersDied as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("stopped; what has finished is kept: the same command goes on", err=True)
        raise typer.Exit(130) from None
    report = make_report(grid, outcomes, read.controls(reference)[0] if reference else None)
    write_files(report, outcomes, folder)
    draw_all(report, folder)
    if json:
        sys.stdout.write(to_json(report))
    else:
        _print_tables(report)
    typer.echo(f"tables and plots are in {folder}", err=True)
    if report.failures:
        typer.echo("error: some runs failed; the same command tries them again", err=True)
        raise typer.Exit(1)


def _print_tables(report: Report) -> None:
    from rich.console import Console

    from ..compare import render

    # In a pipe there is no width to fit into.
    console = Console(width=None if sys.stdout.isatty() else 160)
    for part in render(report):
        console.print(part)


def _dry_run(grid: Grid, url: str | None, workers: Workers) -> None:
    from ..compare.estimate import estimate

    found = estimate(grid, url, workers)
    least = "" if grid.rates else "at least "
    typer.echo(f"{least}{found.runs} runs, {found.updates} updates in all")
    if found.done:
        typer.echo(f"{found.done} runs are done already")
    for setting, cost in found.costs.items():
        typer.echo(f"{setting}: {1e3 * cost.update:.2g} ms an update, {cost.run:.2g} s a run")
    typer.echo(f"about {_duration(found)} with {workers.jobs} jobs; nothing was run or written")


def _duration(found: Estimate) -> str:
    for unit, seconds in (("h", 3600), ("min", 60)):
        if found.seconds > 2 * seconds:
            return f"{found.seconds / seconds:.0f} {unit}"
    return f"{found.seconds:.0f} s"
