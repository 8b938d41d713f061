"""The table of commands. To add one: a file with its function, and a row here."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from .autolrs import autolrs
from .compare import compare
from .data import data_app
from .plot import plot
from .refine import refine
from .relax import relax
from .score import score
from .search import search

EXIT_CODES = (
    "Exit codes: 0 done; 1 what was asked could not be done (a run failed, all diverged, the "
    "storage was lost, the disk is full); 2 a mistake in the command, a missing file or package; "
    "70 a mistake of ritard's own, with its traceback; 130 after Ctrl-C, 143 after SIGTERM (what "
    "is finished is kept: the same command goes on); 141 the reader of the output has gone."
)

app = typer.Typer(
    name="ritard",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Schedules that slow things down well, and what is better by how much.",
    epilog=EXIT_CODES,
)
app.command()(compare)
app.command()(autolrs)
app.command()(plot)
app.command()(refine)
app.command()(relax)
app.command()(score)
app.command()(search)
app.add_typer(data_app, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ritard {version('ritard')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    del version
