"""The progress bar of ``ritard search``."""

from __future__ import annotations

import math

from rich.console import Console

from ..bar import Bar
from .course import Status
from .tally import Standing


class SearchBar(Bar):
    """One bar over all workers and all NFEs; its length is the number of evaluations.

    Args:
        console: Where to draw; stderr by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        super().__init__("{task.completed:.0f}/{task.total:.0f} evaluations", console)
        self._task = None

    def show(self, status: Status) -> None:
        """Draw a status."""
        told = status.tally
        # What the search asks for and a fixed sampler has had already is not evaluated again.
        total = told.done if status.complete and not status.failed else told.total
        if self._task is None:
            # What an earlier call did must not count as this one's speed.
            self._task = self._progress.add_task("", total=total, completed=told.done)
        text = describe(status)
        self._progress.update(self._task, description=text, total=total, completed=told.done)


def describe(status: Status) -> str:
    """The stage, and at each NFE the best score so far and its ratio to the best fixed one's."""
    if status.complete and not status.failed:
        return "done"
    standings = "  ".join(map(_standing, status.tally.standings))
    return f"{status.stage}  {standings}".strip()


def _standing(standing: Standing) -> str:
    if not math.isfinite(standing.best):
        return ""
    ratio = standing.best / standing.best_fixed
    return f"NFE {standing.nfe}: {standing.best:.3g} ({ratio:.2f} of fixed)"
