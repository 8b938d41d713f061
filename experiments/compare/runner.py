"""Running a comparison: in this process or in several, with one progress bar."""

from __future__ import annotations

import multiprocessing
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from .grid import Grid
from .ledger import Ledger
from .outcome import Outcome
from .progress import RunsBar
from .stop import Stop
from .storage import open_study, reachable
from .worker import POLL_SECONDS, Status, look, work

if TYPE_CHECKING:
    from rich.console import Console


class WorkersDied(RuntimeError):
    """Every worker process ended before the grid was done."""


@dataclass(frozen=True)
class Workers:
    """Who does the runs.

    Attributes:
        jobs: Processes on this machine; 1 works in this one.
        threads: Torch threads of each. The number can change last digits of a result, so it
            does not depend on ``jobs``.
        accelerator: Lightning's name of the device: "cpu", "gpu", "mps" or "auto".
    """

    jobs: int = 1
    threads: int = 1
    accelerator: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse numbers below 1 and unknown devices."""
        for name, value in (("jobs", self.jobs), ("threads", self.threads)):
            if value < 1:
                raise ValueError(f"{name}={value}: expected at least 1")
        if self.accelerator not in (known := ("cpu", "gpu", "mps", "auto")):
            raise ValueError(
                f"accelerator={self.accelerator!r}: expected one of {', '.join(known)}"
            )

    @contextmanager
    def torch_threads(self) -> Generator[None]:
        """Give torch its threads while the block runs."""
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def run_grid(
    grid: Grid, url: str, workers: Workers | None = None, console: Console | None = None
) -> dict[str, Outcome]:
    """Run what is missing of a grid in the storage at ``url``.

    Other processes, here or elsewhere, may do the same at the same time and share the work.

    Returns:
        The outcome of every run, by key.

    Raises:
        ValueError: the storage cannot serve (:func:`~.storage.open_study`).
        OSError: the storage was lost on the way.
        KeyboardInterrupt: stopped by the user; everything finished is kept.
        WorkersDied: all worker processes ended early.
    """
    workers = workers or Workers()
    ledger, stop = Ledger(open_study(url)), Stop()
    with stop.on_signals(), reachable(url), RunsBar(console) as bar:
        statuses = (
            _work_here(grid, ledger, workers, stop)
            if workers.jobs == 1
            else _watch(grid, ledger, url, workers, stop)
        )
        status = next(statuses)
        bar.show(status)
        for status in statuses:
            bar.show(status)
    if status.plan.complete:
        return status.outcomes
    if stop():
        raise KeyboardInterrupt
    raise WorkersDied(f"all {workers.jobs} workers died; run the same command again to go on")


def _work_here(grid: Grid, ledger: Ledger, workers: Workers, stop: Stop) -> Iterator[Status]:
    """Work in this process."""
    from .trial import train

    with workers.torch_threads():
        execute = partial(train, accelerator=workers.accelerator, stop=stop)
        yield from work(grid, ledger, execute, stop)


def _watch(grid: Grid, ledger: Ledger, url: str, workers: Workers, stop: Stop) -> Iterator[Status]:
    """Start workers, yield what the ledger says until all have ended, and end them on a stop."""
    context = multiprocessing.get_context("spawn")
    arguments = grid, url, ledger.since, workers
    processes = [context.Process(target=_child, args=arguments) for _ in range(workers.jobs)]
    try:
        for process in processes:
            process.start()
        while any(process.is_alive() for process in processes):
            yield look(grid, ledger)
            stop.wait(POLL_SECONDS)
            if stop():
                break
    finally:
        _end(processes)
    yield look(grid, ledger)


def _child(grid: Grid, url: str, since: int, workers: Workers) -> None:
    """A worker process."""
    stop = Stop()
    with suppress(KeyboardInterrupt), stop.on_signals():
        ledger = Ledger(open_study(url), since)
        for _ in _work_here(grid, ledger, workers, stop):
            pass


def _end(processes: Sequence[BaseProcess]) -> None:
    """Ask the workers to release their runs and end, and wait until they have."""
    for process in processes:
        if process.is_alive():
            process.terminate()
    for process in processes:
        if process.pid is not None:
            process.join()
