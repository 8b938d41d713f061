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
# The generators that are seeded take 32 bits, all of them.
Seed = Annotated[
    int, typer.Option(metavar="N", min=0, max=2**32 - 1, help="Seed of all that is random.")
]
Seeds = Annotated[
    int,
    typer.Option(
        metavar="N", min=1, max=10_000, help="How many seeds of all that is random: 0, 1, ..."
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Where finished work is kept and shared: an SQLAlchemy URL or journal:PATH.",
        show_default="a file in the folder of the results",
    ),
]
# More than any machine has: a slip of a finger should not bring this one down.
Jobs = Annotated[int, typer.Option(metavar="N", min=1, max=1024, help="Worker processes.")]
Threads = Annotated[
    int, typer.Option(metavar="N", min=1, max=1024, help="Torch threads of each worker.")
]
Accelerator = Annotated[str, typer.Option(help="cpu, gpu, mps or auto.")]
