"""The options that commands share: the same name, the same words and the same meaning in each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Folder of the results.", show_default="ritard-runs/COMMAND-NAME"
    ),
]
Plot = Annotated[
    bool, typer.Option("--plot", help="Draw pictures too, into the folder of the results.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout instead of text.")
]
Save = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the schedule found here (.json).")
]
Schedules = Annotated[
    str, typer.Option(help='With commas between them: linear,rex,"uba(phi=1)","refined(PATH)".')
]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of all that is random.")]
Seeds = Annotated[
    int, typer.Option(metavar="N", help="How many seeds of all that is random: 0, 1, ...")
]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Where finished work is kept and shared: an SQLAlchemy URL or journal:PATH.",
        show_default="a file in the folder of the results",
    ),
]
Jobs = Annotated[int, typer.Option(metavar="N", help="Worker processes.")]
Threads = Annotated[int, typer.Option(metavar="N", help="Torch threads of each worker.")]
Accelerator = Annotated[str, typer.Option(help="cpu, gpu, mps or auto.")]
