"""``ritard autolrs``: train a task with its learning rate searched on the way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..failure import Failure
from . import options, output, read

if TYPE_CHECKING:
    from ...schedules import Schedule
    from ._autolrs_report import Found
    from ._autolrs_run import Asked


def autolrs(
    task: Annotated[str, typer.Option(help="What to train, as for compare.")] = "digits",
    optimizer: Annotated[Literal["sgd", "adamw"], typer.Option(help="sgd or adamw.")] = "sgd",
    lr: Annotated[
        float | None,
        typer.Option(help="Base rate to start from.", show_default="the task's own"),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Updates, without the search.", show_default="the task's own"),
    ] = None,
    schedule: Annotated[
        str, typer.Option(help="Base schedule that the factor multiplies.")
    ] = "linear",
    overhead: Annotated[
        float, typer.Option(help="What the search may cost, as a part of the updates.")
    ] = 0.1,
    stages: Annotated[
        int | None,
        typer.Option(help="Parts of the run that may begin with a search.", show_default="up to 8"),
    ] = None,
    candidates: Annotated[int, typer.Option(help="Rates tried in a stage.")] = 5,
    scored: Annotated[int, typer.Option(help="Batches that each is scored on.")] = 8,
    seed: options.Seed = 0,
    threads: options.Threads = 1,
    save: options.Save = None,
    out: options.Out = None,
    plot: options.Plot = False,
    json: options.Json = False,
) -> None:
    """Search the learning rate while training a task, and say what it cost and found.

    Stopped or killed, the same command goes on where it was.
    """
    from ...schedules._checks import whole
    from ..tasks import get_task
    from ._autolrs_run import Asked, check

    base, found = read.schedule(schedule), get_task(task)
    asked = Asked(
        task=found.name,
        optimizer=optimizer,
        lr=found.base_lrs[optimizer] if lr is None else lr,
        steps=found.total_steps if steps is None else whole("steps", steps, low=1),
        base=str(base),
        seed=whole("seed", seed),
        threads=threads,
        options={
            "overhead": overhead,
            "stages": stages,
            "candidates": candidates,
            "scored": scored,
        },
    )
    folder = output.folder("autolrs", found.name, out)
    if save is not None:
        read.output("save", save, (".json",))
    check(asked, base)
    _show(_run(asked, base, folder), folder, save, plot, json)


def _run(asked: Asked, base: Schedule, folder: Path) -> Found:
    from ..settings import keep_settings
    from ._autolrs_keep import CHECKPOINT
    from ._autolrs_report import Found
    from ._autolrs_run import run

    keep_settings(asked.settings(), folder)
    finished = Found.load(folder)
    if finished is None:
        finished = run(asked, base, folder)
        finished.write(folder)
        (folder / CHECKPOINT).unlink(missing_ok=True)
    return finished


def _show(found: Found, folder: Path, save: Path | None, plot: bool, json: bool) -> None:
    if save is not None:
        output.save_schedule(found.schedule, save)
    if plot:
        from ._autolrs_figure import save_search

        data = found.data
        path = folder / "rates.png"
        save_search(found.schedule, found.stages, data["base_lr"], data["steps"], path)
    if json:
        output.show_json(found.text())
    else:
        _say(found, save or folder / "schedule.json")
    output.told_folder(folder)
    if found.data["test"] is None:
        raise Failure("the run diverged; try a lower --lr")


def _say(found: Found, schedule: Path) -> None:
    report = found.data
    test = "diverged" if report["test"] is None else f"{report['test']:.4g}"
    output.say(f"test      {test} ({report['metric']})")
    output.say(
        f"cost      {report['steps']} updates + {report['search_steps']} tried and "
        f"{report['scored_batches']} batches scored: overhead {report['overhead']:.1%} "
        f"({report['search_seconds']:.1f} of {report['seconds']:.1f} s)"
    )
    rates = ", ".join(f"{rate:.3g} from {start}" for start, rate in report["rates"])
    output.say(f"rates     {rates or report['base_lr']}")
    output.say(f'next      ritard compare --schedules "linear,refined({schedule})"')
