"""``ritard search``: a solver schedule of few network evaluations for a diffusion model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options, output, read

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
    seed: options.Seed = 0,
    storage: options.Storage = None,
    jobs: options.Jobs = 1,
    threads: options.Threads = 1,
    accelerator: options.Accelerator = "cpu",
    save: options.Save = None,
    out: options.Out = None,
    plot: options.Plot = False,
    json: options.Json = False,
) -> None:
    """Search solver schedules of few network evaluations for a diffusion model.

    Of several NFEs, --save NAME.json writes NAME-nfe5.json and so on. Stopped or killed, the same
    command goes on where it was; started again elsewhere on the same --storage, it shares the work.
    """
    from ..search.subject import get_subject
    from ..search.task import Task
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
    workers = read.workers(jobs, threads, accelerator)
    folder = output.folder("search", get_subject(model, accelerator).name, out)
    if save is not None:
        read.output("save", save, (".json",))
    if storage is not None:
        check_storage(storage)
    # Evaluations may take milliseconds: a journal costs a few, SQLite tens.
    url = f"journal:{folder / 'trials.log'}" if storage is None else storage
    found = _run(task, url, workers, folder)
    _write(task, found, workers, folder, save, plot)
    _show(task, found, folder, json)


def _run(task: Task, url: str, workers: Workers, folder: Path) -> dict[int, Found]:
    from ..search.run import check_model, run_search
    from ..trials.storage import hidden

    check_model(task, workers)
    folder.mkdir(parents=True, exist_ok=True)
    output.note(f"evaluations are kept in {hidden(url)}")
    return run_search(task, url, folder, workers)


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
            output.note(f"saved {path}")
    if plot:
        from ..search.ground import Ground
        from ..search.pictures import draw_all

        draw_all(Ground(task, folder, workers.accelerator), found, folder)


def _show(task: Task, found: dict[int, Found], folder: Path, json: bool) -> None:
    from ..search.report import render, to_json

    if json:
        output.show_json(to_json(task, found))
    else:
        output.show(*render(task, found))
    output.told_folder(folder)
