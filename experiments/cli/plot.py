"""``ritard plot``: schedules as a picture."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from . import options, output, read


def plot(
    schedules: options.Schedules,
    steps: Annotated[int, typer.Option(help="Updates of the run.")] = 1000,
    format: Annotated[Literal["png", "svg", "pdf"], typer.Option(help="Of the picture.")] = "png",
    out: options.Out = None,
    json: options.Json = False,
) -> None:
    """Draw schedules over a run."""
    from ...schedules._checks import whole

    found = read.schedules(schedules)
    whole("steps", steps, low=1)
    path = output.folder("plot", out=out) / f"schedules.{format}"

    from ..compare.figures import save_schedules
    from ..records import json_text

    path.parent.mkdir(parents=True, exist_ok=True)
    save_schedules(found, steps, path)
    if json:
        data = {"steps": steps, "schedules": [one.to_dict() for one in found]}
        output.show_json(json_text(data | {"picture": str(path)}))
    else:
        output.say(str(path))
