"""Where the output of a command goes: results to stdout and to one folder, the rest to stderr."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import read

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ...schedules import Schedule

RUNS = Path("ritard-runs")
"""The folder of the folders of results, in the working directory."""


def folder(command: str, name: str = "", out: Path | None = None) -> Path:
    """The folder of a command's results; nothing is made.

    Args:
        command: Of ``ritard``.
        name: What it is about.
        out: What the user asked for instead.

    Raises:
        ValueError: it cannot become a folder to write in.

    Example:
        >>> folder("relax", "spd:bcsstk01").as_posix()
        'ritard-runs/relax-spd-bcsstk01'
    """
    usual = RUNS / "-".join(filter(None, (command, name.replace(":", "-").replace("/", "-"))))
    return read.writable_folder("out", out or usual)


def show(*parts: RenderableType) -> None:
    """Print tables and text on stdout."""
    from ..tables import show

    show(parts)


def say(text: str) -> None:
    """Print a line on stdout, as it is."""
    print(text)


def show_json(text: str) -> None:
    """Print a JSON object on stdout, where nothing else may stand."""
    sys.stdout.write(text)


def write_report(path: Path, text: str) -> None:
    """Make a folder of results with its report, the same as ``--json`` prints."""
    from ...schedules._atomic import write_text

    path.mkdir(parents=True, exist_ok=True)
    write_text(path / "report.json", text)


def save_schedule(schedule: Schedule, path: Path) -> None:
    """Write a schedule, as ``refined(PATH)`` and :meth:`Schedule.from_dict` read it."""
    from ..records import write_json

    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, schedule.to_dict(), indent=None)


def note(text: str) -> None:
    """Say on stderr what is not a result."""
    print(text, file=sys.stderr)


def told_folder(path: Path) -> None:
    """Say where the files of the results are."""
    note(f"the results are in {path}")
