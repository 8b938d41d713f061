"""``ritard data``: list, fetch and locate the data sets of the tasks."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..data import ChecksumError, dataset, find, locate, names
from ..failure import Failure
from . import options, output

data_app = typer.Typer(no_args_is_help=True, help="The data sets: list, fetch, find.")


@data_app.command("list")
def list_sets(json: options.Json = False) -> None:
    """All data sets: size, where it is or whether it can be downloaded, licence."""
    rows = [_row(name) for name in names()]
    if json:
        from ..records import json_text

        output.show_json(json_text({"sets": rows}))
        return
    for row in rows:
        size = f"{row['bytes'] / 1e6:6.1f} MB"
        output.say(f"{row['name']:26} {size}  {row['state']:12} {row['licence']}")


@data_app.command("fetch")
def fetch_sets(
    sets: Annotated[list[str], typer.Argument(metavar="NAME...", help="As `ritard data list`.")],
    json: options.Json = False,
) -> None:
    """Make sure that data sets are on this machine; print the folder of each."""
    for name in sets:
        dataset(name)  # all names are right before the first is fetched
    folders = dict[str, str]()
    for name in sets:
        folders[name] = str(find(name))
        if not json:
            output.say(f"{name}: {folders[name]}")
    if json:
        from ..records import json_text

        output.show_json(json_text({"folders": folders}))


@data_app.command("where")
def where(
    name: Annotated[str, typer.Argument(help="As `ritard data list` names it.")],
    json: options.Json = False,
) -> None:
    """Print the folder of a data set; exit code 1 if it is not on this machine."""
    folder = locate(name)
    if folder is None:
        raise Failure(f"{name}: not on this machine; try: ritard data fetch {name}")
    if json:
        from ..records import json_text

        output.show_json(json_text({"folders": {name: str(folder)}}))
    else:
        output.say(str(folder))


def _row(name: str) -> dict[str, Any]:
    entry = dataset(name)
    return {"name": name, "bytes": entry.size, "state": _state(name), "licence": entry.licence}


def _state(name: str) -> str:
    try:
        if locate(name):
            return "here"
    except ChecksumError:
        return "damaged"
    return "downloadable" if dataset(name).public else "missing"
