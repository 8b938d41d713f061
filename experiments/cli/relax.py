"""``ritard relax``: systems solved one after the other while omega is learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..failure import Failure
from . import options, output, read

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
    nx: Annotated[
        int, typer.Option(help="Size of the grid.", show_default="0, the problem's usual one")
    ] = 0,
    method: Annotated[str, typer.Option(help="sor, ssor or ssor_cg.")] = "ssor_cg",
    steps: Annotated[int, typer.Option(help="Number of systems.")] = 1000,
    rtol: Annotated[float, typer.Option(help="Tolerance relative to ||b||.")] = 1e-8,
    maxiter: Annotated[
        int, typer.Option(help="Most iterations of a solve; what a failed one costs.")
    ] = 10_000,
    arms: Annotated[int, typer.Option(help="Number of omegas from 1 to --omega-max.")] = 20,
    omega_max: Annotated[float, typer.Option(help="The largest omega.")] = 1.95,
    seed: options.Seed = 0,
    out: options.Out = None,
    plot: options.Plot = False,
    json: options.Json = False,
) -> None:
    """Solve a sequence of related systems with tuners that learn omega from iteration counts.

    Stopped or killed, the same command goes on where it was.
    """
    from ..relax.run import Task
    from ..relax.tuners import Arms

    tuners = read.words("tuner", tuner)
    chosen = Task(problem, nx, steps, seed, method, rtol, maxiter, Arms(arms, omega_max))
    for name in tuners:
        chosen.check(name)
    folder = output.folder("relax", problem, out)
    found = _run(chosen, tuners, folder)
    _show(found, folder, plot, json)


def _run(task: Task, tuners: tuple[str, ...], folder: Path) -> Sequences:
    from ..relax.progress import TunersBar
    from ..relax.run import run_tuner
    from ..relax.sequences import Sequences
    from ..settings import keep_settings
    from ..trials.stop import Stop

    keep_settings(task.settings(), folder)
    stop = Stop()
    with stop.on_signals(), TunersBar(len(tuners) * task.steps, stop) as bar:
        reports: dict[str, SequenceReport] = {}
        for name in tuners:
            reports[name] = run_tuner(task, name, folder, bar.follow(name))
            bar.finish(task.steps)
    return Sequences(task, reports)


def _show(found: Sequences, folder: Path, plot: bool, json: bool) -> None:
    from ..relax.sequences import draw, render, write

    write(found, folder)
    if plot:
        draw(found, folder)
    if json:
        output.show_json(found.to_json())
    else:
        output.show(*render(found))
    output.told_folder(folder)
    if not any(report.converged.any() for report in found.reports.values()):
        raise Failure(f"no solve came to rtol={found.task.rtol:g} within --maxiter")
