"""The progress bar of ``ritard autolrs``."""

from __future__ import annotations

from typing import Any

from lightning.pytorch.callbacks import Callback
from rich.console import Console

from ...tuners.autolrs import Climb, Report
from ..bar import Bar


class SearchBar(Bar):
    """One bar over a run's updates, with the stage, what is tried, the rate and the overhead.

    Args:
        total: Updates of the run.
        lr: Base rate.
        console: Where to draw; stderr by default.
    """

    def __init__(self, total: int, lr: float, console: Console | None = None) -> None:
        super().__init__("{task.completed:.0f}/{task.total:.0f} updates", console)
        self._lr, self._rate = lr, lr
        self._stage, self._tried, self._overhead = 0, 0, 0.0
        self._task = self._progress.add_task(self._text(), total=total)

    def advance(self, updates: int) -> None:
        """So many updates of the run are done."""
        self._progress.update(self._task, completed=updates)

    def tries(self, scale: float) -> None:
        """A candidate is tried."""
        self._tried += 1
        self._say(f"stage {self._stage + 1}: candidate {self._tried} at {self._lr * scale:.3g}")

    def found(self, report: Report) -> None:
        """A stage is over."""
        self._rate, self._overhead = self._lr * report.scale, report.overhead
        self._stage, self._tried = self._stage + 1, 0
        self._say(self._text())
        self._progress.console.print(_line(report, self._lr), highlight=False, soft_wrap=True)

    def search(self, low: float, high: float) -> Climb:
        """The default search, which says what it tries."""
        return _Shown(self, low, high)

    def _text(self) -> str:
        return f"rate {self._rate:.3g}, {self._stage} stages, overhead so far {self._overhead:.1%}"

    def _say(self, text: str) -> None:
        self._progress.update(self._task, description=text)


class _Shown(Climb):
    def __init__(self, bar: SearchBar, low: float, high: float) -> None:
        super().__init__(low, high)
        self._bar = bar

    def ask(self, context: Any = None) -> float:
        scale = super().ask(context)
        self._bar.tries(scale)
        return scale


class Follow(Callback):
    """Moves the bar with a Trainer's updates."""

    def __init__(self, bar: SearchBar) -> None:
        self._bar = bar

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After each update."""
        self._bar.advance(trainer.global_step)


def _line(report: Report, lr: float) -> str:
    tried = ", ".join(
        f"{trial.scale * lr:.3g} {f'{trial.difference:+.3g}' if trial.error >= 0 else 'diverged'}"
        f"{' (left)' if trial.stopped else ''}"
        for trial in report.trials
    )
    kept = "keeps" if report.scale == report.before else "takes"
    return (
        f"{report.start:>7}: {kept} {report.scale * lr:.3g} "
        f"(tried {tried}; probes of {report.probe}, overhead so far {report.overhead:.1%})"
    )
