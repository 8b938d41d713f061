"""``ritard plot``: schedules as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import read


def plot(
    schedules: Annotated[
        str, typer.Argument(help='With commas between them: linear,rex,"uba(phi=5)".')
    ],
    steps: Annotated[int, typer.Option(help="Updates of the run.")] = 1000,
    out: Annotated[Path, typer.Option(help="The picture: .png, .svg or .pdf.")] = Path(
        "schedules.png"
    ),
) -> None:
    """Draw schedules over a run."""
    found = read.schedules(schedules)
    if steps < 1:
        raise ValueError(f"steps={steps}: expected at least 1")
    read.output("out", out, read.PICTURES)

    from ..compare.figures import save_schedules

    out.parent.mkdir(parents=True, exist_ok=True)
    save_schedules(found, steps, out)
    typer.echo(out)
