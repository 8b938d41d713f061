"""The progress bar of a comparison."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from .grid import Run, percent

if TYPE_CHECKING:
    from .worker import Status

WINDOW_SECONDS = 600


class Bar:
    """One bar over all workers; its length is the known number of updates, which may grow.

    Args:
        console: Where to draw; stderr by default, so that stdout holds the report alone.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[runs]} runs"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
            console=console or Console(stderr=True),
            speed_estimate_period=WINDOW_SECONDS,
        )
        self._task = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, status: Status) -> None:
        """Draw a status."""
        plan = status.plan
        done, total = plan.updates - plan.updates_left, plan.updates
        runs = f"{len(plan.runs) - len(plan.left)}/{len(plan.runs)}"
        text = describe(status)
        if self._task is None:
            # What an earlier call did must not count as this one's speed.
            self._task = self._progress.add_task(text, total=total, completed=done, runs=runs)
        self._progress.update(self._task, description=text, total=total, completed=done, runs=runs)


def describe(status: Status) -> str:
    """What is in hand, in a few words."""
    if status.current is not None:
        return run_text(status.current)
    if status.running:
        return f"{len(status.running)} running"
    return ""


def run_text(run: Run) -> str:
    """A run for people."""
    cell = run.cell
    return (
        f"{cell.setting} {cell.schedule} {percent(cell.budget)} % "
        f"lr {run.rate.value:.3g} seed {run.seed}"
    )
