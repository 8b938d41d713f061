"""``ritard relax``: systems solved one after the other while omega is learned."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import read

if TYPE_CHECKING:
    from ...tuners.bandits import SequenceReport
    from ..relax.run import Task
    from ..relax.sequences import Sequences


def relax(
    problem: Annotated[
        str,
        typer.Option(
            help="heat, variable-heat, shifted-low, shifted-high, nine-point, anisotropic, "
            "convection or spd:MATRIX."
        ),
    ] = "heat",
    tuner: Annotated[
        str,
        typer.Option(
            help="One or several, with commas: fixed:OMEGA, adaptive, chebcb, gp, tsallis, "
            "tsallis-cb, thompson, lanczos-young, ...; cg is plain conjugate gradients."
        ),
    ] = "fixed:1.5,chebcb",
    nx: Annotated[int, typer.Option(help="Size of the grid; 0 is the problem's usual one.")] = 0,
    method: Annotated[str, typer.Option(help="sor, ssor or ssor_cg.")] = "ssor_cg",
    steps: Annotated[int, typer.Option(help="Number of systems.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the problem and of the tuners.")] = 0,
    rtol: Annotated[float, typer.Option(help="Tolerance relative to ||b||.")] = 1e-8,
    maxiter: Annotated[
        int, typer.Option(help="Most iterations of a solve; what a failed one costs.")
    ] = 10_000,
    arms: Annotated[int, typer.Option(help="Number of omegas from 1 to --omega-max.")] = 20,
    omega_max: Annotated[float, typer.Option(help="The largest omega.")] = 1.95,
    out: Annotated[
        str, typer.Option(help="Folder of the results; by default ritard-runs/relax-PROBLEM.")
    ] = "",
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw omega over time and systems over iterations.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON instead of the table.")
    ] = False,
) -> None:
    """Solve a sequence of related systems with tuners that learn omega from iteration counts.

    Stopped or killed, the same command goes on where it was.
    """
    from ..relax.run import Task
    from ..relax.tuners import Arms

    tuners = read.words("tuner", tuner)
    chosen = Task(problem, nx, steps, seed, method, rtol, maxiter, Arms(arms, omega_max))
    for i, name in enumerate(tuners):
        if name in tuners[:i]:
            raise ValueError(f"tuner={name!r}: given twice")
        chosen.check(name)
    default = Path("ritard-runs") / f"relax-{problem.replace(':', '-')}"
    folder = read.writable_folder("out", Path(out) if out else default)
    found = _run(chosen, tuners, folder)
    _write(found, folder, plot)
    if json:
        sys.stdout.write(found.to_json())
    else:
        _print(found)
    typer.echo(f"the results are in {folder}", err=True)


def _run(task: Task, tuners: tuple[str, ...], folder: Path) -> Sequences:
    from ...tuners.bandits import SequenceError
    from ..relax.progress import TunersBar
    from ..relax.run import keep_settings, run_tuner
    from ..relax.sequences import Sequences

    folder.mkdir(parents=True, exist_ok=True)
    keep_settings(task, folder)
    reports: dict[str, SequenceReport] = {}
    try:
        with TunersBar(len(tuners) * task.steps) as bar:
            for name in tuners:
                reports[name] = run_tuner(task, name, folder, bar.follow(name))
                bar.finish(task.steps)
    except SequenceError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("stopped; what is solved is kept: the same command goes on", err=True)
        raise typer.Exit(130) from None
    return Sequences(task, reports)


def _write(found: Sequences, folder: Path, plot: bool) -> None:
    from ..relax.sequences import draw, write

    write(found, folder)
    if plot:
        draw(found, folder)


def _print(found: Sequences) -> None:
    from rich.console import Console

    from ..relax.sequences import render

    console = Console(width=None if sys.stdout.isatty() else 160)
    for part in render(found):
        console.print(part)
