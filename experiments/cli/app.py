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

app = typer.Typer(
    name="ritard",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Schedules that slow things down well, and what is better by how much.",
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
