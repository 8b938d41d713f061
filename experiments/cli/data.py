"""``ritard data``: list, fetch and locate the data sets of the tasks."""

from typing import Annotated

import typer

from ..data import ChecksumError, dataset, find, locate, names

data_app = typer.Typer(no_args_is_help=True, help="The data sets: list, fetch, find.")


@data_app.command("list")
def list_sets() -> None:
    """All data sets: size, where it is or whether it can be downloaded, licence."""
    for name in names():
        entry = dataset(name)
        typer.echo(f"{name:26} {entry.size / 1e6:6.1f} MB  {_state(name):12} {entry.licence}")


@data_app.command("fetch")
def fetch_sets(
    sets: Annotated[list[str], typer.Argument(metavar="NAME...", help="As `ritard data list`.")],
) -> None:
    """Make sure that data sets are on this machine; print the folder of each."""
    for name in sets:
        typer.echo(f"{name}: {_or_exit(name)}")


@data_app.command("where")
def where(name: Annotated[str, typer.Argument(help="As `ritard data list` names it.")]) -> None:
    """Print the folder of a data set; exit code 1 if it is not on this machine."""
    try:
        folder = locate(name)
    except (ValueError, OSError) as error:
        raise _failure(error) from error
    if folder is None:
        raise _failure(f"{name}: not on this machine; try: ritard data fetch {name}")
    typer.echo(folder)


def _state(name: str) -> str:
    try:
        if locate(name):
            return "here"
    except ChecksumError:
        return "damaged"
    return "downloadable" if dataset(name).public else "missing"


def _or_exit(name: str) -> str:
    try:
        return str(find(name))
    except (ValueError, OSError) as error:
        raise _failure(error) from error


def _failure(message: object) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(1)
