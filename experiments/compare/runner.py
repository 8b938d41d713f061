"""Running a comparison: in this process or in several, with one progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from ..trials.ledger import Ledger
from ..trials.pool import Workers, last_of, watch
from ..trials.stop import Stop
from ..trials.storage import open_study, reachable
from ..trials.worker import work
from .grid import Grid
from .outcome import Outcome
from .progress import RunsBar
from .worker import STUDY, Status, look

if TYPE_CHECKING:
    from rich.console import Console


def run_grid(
    grid: Grid, url: str, workers: Workers | None = None, console: Console | None = None
) -> dict[str, Outcome]:
    """Run what is missing of a grid in the storage at ``url``.

    Other processes, here or elsewhere, may do the same at the same time and share the work.

    Returns:
        The outcome of every run, by key.

    Raises:
        ValueError: the storage cannot serve (:func:`~..trials.storage.open_study`).
        OSError: the storage was lost on the way.
        KeyboardInterrupt: stopped by the user; everything finished is kept.
        WorkersDied: all worker processes ended early.
    """
    workers = workers or Workers()
    ledger, stop = Ledger(open_study(url, STUDY)), Stop()
    with stop.on_signals(), reachable(url), RunsBar(console) as bar:
        if workers.jobs == 1:
            statuses = _work_here(grid, ledger, workers, stop)
        else:
            arguments = grid, url, ledger.since, workers
            statuses = watch(partial(look, grid, ledger), _child, arguments, workers.jobs, stop)
        return last_of(statuses, bar.show, stop, workers.jobs).outcomes


def _work_here(grid: Grid, ledger: Ledger, workers: Workers, stop: Stop) -> Iterator[Status]:
    """Work in this process."""
    from .trial import train

    with workers.torch_threads():
        execute = partial(train, accelerator=workers.accelerator, stop=stop)
        yield from work(partial(look, grid, ledger), ledger, execute, stop)


def _child(stop: Stop, grid: Grid, url: str, since: int, workers: Workers) -> None:
    """A worker process."""
    ledger = Ledger(open_study(url, STUDY), since)
    with reachable(url):
        for _ in _work_here(grid, ledger, workers, stop):
            pass
