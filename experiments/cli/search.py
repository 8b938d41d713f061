"""``ritard search``: a solver schedule of few network evaluations for a diffusion model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import read

if TYPE_CHECKING:
    from ..search.jobs import Found
    from ..search.task import Task
    from ..trials.pool import Workers


def search(
    model: Annotated[
        str,
        typer.Option(
            help="A testbed (digits, mixture, mixture-image, fashion-pca, unet), or the folder of "
            "a diffusers checkpoint: an unconditional UNet2DModel and its scheduler."
        ),
    ] = "digits",
    nfe: Annotated[
        str, typer.Option(help="Network evaluations per sample, with commas between them.")
    ] = "5,6,8,10",
    evaluations: Annotated[
        int, typer.Option(help="True evaluations for each, of search and refinement together.")
    ] = 400,
    method: Annotated[
        str,
        typer.Option(
            help="s3 (guided by a predictor), evolution (without one), genetic (the published "
            "algorithm), random."
        ),
    ] = "s3",
    noises: Annotated[
        str, typer.Option(help="Noises to search on, to choose on, to report on.")
    ] = "256,512,2048",
    no_refine: Annotated[
        bool, typer.Option("--no-refine", help="Leave the winner as the search found it.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of noises and search.")] = 0,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Write the schedule here (.json); of several NFEs, NAME-nfe5.json and so on."
        ),
    ] = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw errors, schedules and, of images, samples.")
    ] = False,
    out: Annotated[
        str, typer.Option(help="Folder of the results; by default ritard-runs/search-MODEL.")
    ] = "",
    storage: Annotated[
        str,
        typer.Option(
            help="Where evaluations are kept and shared: an SQLAlchemy URL or journal:PATH; by "
            "default a journal in the folder of the results."
        ),
    ] = "",
    jobs: Annotated[int, typer.Option(help="Worker processes.")] = 1,
    threads: Annotated[int, typer.Option(help="Torch threads of each worker.")] = 1,
    accelerator: Annotated[str, typer.Option(help="cpu, gpu, mps or auto.")] = "cpu",
    json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON instead of the table.")
    ] = False,
) -> None:
    """Search solver schedules of few network evaluations for a diffusion model.

    Stopped or killed, the same command goes on where it was; started again elsewhere on the same
    --storage, it shares the work.
    """
    from ..search.subject import get_subject
    from ..search.task import Task
    from ..trials.pool import Workers
    from ..trials.storage import check_storage

    task = Task(
        model,
        read.integers("nfe", nfe),
        evaluations,
        seed,
        method,
        read.integers("noises", noises),
        not no_refine,
    )
    workers = Workers(jobs, threads, accelerator)
    name = get_subject(model, accelerator).name
    folder = read.writable_folder("out", Path(out or f"ritard-runs/search-{name}"))
    if save is not None:
        read.output("save", save, (".json",))
    if storage:
        check_storage(storage)
    # Evaluations may take milliseconds: a journal costs a few, SQLite tens.
    url = storage or f"journal:{folder / 'trials.log'}"
    found = _run(task, url, workers, folder)
    _write(task, found, workers, folder, save, plot)
    _print(task, found, json)
    typer.echo(f"the results are in {folder}", err=True)


def _run(task: Task, url: str, workers: Workers, folder: Path) -> dict[int, Found]:
    from ..search.run import SearchFailed, run_search
    from ..trials.pool import WorkersDied
    from ..trials.storage import hidden

    folder.mkdir(parents=True, exist_ok=True)
    typer.echo(f"evaluations are kept in {hidden(url)}", err=True)
    try:
        return run_search(task, url, folder, workers)
    except (SearchFailed, WorkersDied) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("stopped; what has finished is kept: the same command goes on", err=True)
        raise typer.Exit(130) from None


def _write(
    task: Task,
    found: dict[int, Found],
    workers: Workers,
    folder: Path,
    save: Path | None,
    plot: bool,
) -> None:
    from ..search.report import save_schedules, write

    write(task, found, folder)
    if save is not None:
        for path in save_schedules(found, save):
            typer.echo(f"saved {path}", err=True)
    if plot:
        from ..search.ground import Ground
        from ..search.pictures import draw_all

        draw_all(Ground(task, folder, workers.accelerator), found, folder)


def _print(task: Task, found: dict[int, Found], json: bool) -> None:
    from ..search.report import table, to_json

    if json:
        sys.stdout.write(to_json(task, found))
        return
    from rich.console import Console

    # In a pipe there is no width to fit into.
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table(task, found))
