"""The progress bar of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from ..bar import Bar
from .grid import Run, percent

if TYPE_CHECKING:
    from .worker import Status


class RunsBar(Bar):
    """One bar over all workers; its length is the known number of updates, which may grow.

    Args:
        console: Where to draw; stderr by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        super().__init__("{task.fields[runs]} runs", console)
        self._task = None

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
