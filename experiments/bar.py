"""The progress bar of long commands: one look for all of them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

WINDOW_SECONDS = 600


class Bar(AbstractContextManager["Bar"]):
    """Percent, what has been counted, time gone and left, and what is in hand.

    Args:
        counted: What is done of what, as a template of rich.
        console: Where to draw; stderr by default, so that stdout holds the report alone.
    """

    def __init__(self, counted: str, console: Console | None = None) -> None:
        self._progress = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn(counted),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
            console=console or Console(stderr=True),
            speed_estimate_period=WINDOW_SECONDS,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()
