"""The progress bar of ``ritard relax``."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from ..bar import Bar
from ..trials.stop import Stop
from .run import Progress as Callback


class TunersBar(Bar):
    """One bar over all tuners; its length is the number of systems.

    Args:
        total: Systems of all tuners together.
        stop: The user's wish to end, heeded between two systems.
        console: Where to draw; stderr by default.
    """

    def __init__(self, total: int, stop: Stop, console: Console | None = None) -> None:
        super().__init__("{task.completed:.0f}/{task.total:.0f} systems", console)
        self._task = self._progress.add_task("", total=total)
        self._stop, self._finished = stop, 0

    def follow(self, tuner: str) -> Callback:
        """What shows the progress of one tuner; what was counted before is finished."""
        before, begun, spent = self._finished, 0, 0

        def show(number: int, choice: Any, solution: Any) -> None:
            nonlocal begun, spent
            begun, spent = begun or number, spent + solution.iterations
            mean = spent / (number - begun + 1)
            text = f"{tuner}: omega {solution.omega:.3g}, {mean:.1f} iterations a system"
            self._progress.update(self._task, completed=before + number, description=text)
            if self._stop():
                raise self._stop.interruption

        return show

    def finish(self, systems: int) -> None:
        """Count the systems of a tuner that is done, an earlier run's among them."""
        self._finished += systems
        self._progress.update(self._task, completed=self._finished)
