"""Worker processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from ...schedules._checks import one_of, whole
from ..failure import Failure, is_refusal
from .stop import FORCE, Stop
from .worker import POLL_SECONDS, Status

StatusT = TypeVar("StatusT", bound=Status)

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What workers heed once they have handlers; FORCE ends them before, too."""


class WorkersDied(Failure):
    """Every worker process ended before the work was done."""


@dataclass(frozen=True)
class Workers:
    """Who does the work.

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
        whole("jobs", self.jobs, low=1)
        whole("threads", self.threads, low=1)
        one_of("accelerator", self.accelerator, ("cpu", "gpu", "mps", "auto"))

    def check_device(self) -> None:
        """ValueError where this machine has no such device."""
        import torch

        here = {"gpu": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
        if self.accelerator in here and not here[self.accelerator]():
            raise ValueError(f"accelerator={self.accelerator!r}: this machine has none")

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


def watch(
    look: Callable[[], StatusT],
    child: Callable[..., None],
    arguments: tuple[Any, ...],
    jobs: int,
    stop: Stop,
) -> Iterator[StatusT]:
    """Start workers, yield what is seen until all have ended, and end them on a stop.

    Args:
        look: Reads the state of the work.
        child: What a worker process runs, importable by it.
        arguments: What it is given after its own :class:`~.stop.Stop`.
        jobs: Number of processes.
        stop: The user's wish to end.

    Raises:
        Exception: what ended a worker, where the work is not done and all have ended.
    """
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    processes = [context.Process(target=_tell, args=(told, child, arguments)) for _ in range(jobs)]
    try:
        with _signals_wait():
            for process in processes:
                process.start()
        while any(process.is_alive() for process in processes):
            yield look()
            stop.wait(POLL_SECONDS)
            if stop():
                break
    finally:
        _end(processes)
    last = look()
    yield last
    if not (last.complete or stop() or told.empty()):
        raise told.get()


def last_of(
    statuses: Iterable[StatusT], show: Callable[[StatusT], object], stop: Stop, jobs: int
) -> StatusT:
    """Show every status, and return the last: that of work done.

    Raises:
        KeyboardInterrupt: it was stopped before, by SIGTERM if Terminated; everything finished is
            kept.
        WorkersDied: all worker processes ended before.
    """
    status = None
    for status in statuses:
        show(status)
    if status is not None and status.complete:
        return status
    if stop():
        raise stop.interruption
    raise WorkersDied(f"all {jobs} workers died; run the same command again to go on")


@contextmanager
def _signals_wait() -> Generator[None]:
    """Hold back signals while workers start: they begin so, and have no handlers yet."""
    resource_tracker.ensure_running()  # which would let signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _tell(told: Any, child: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """A worker process, which leaves it to the command to say what went wrong."""
    stop = Stop()
    try:
        with suppress(KeyboardInterrupt):
            stop.in_worker()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            if not stop():
                child(stop, *arguments)
    except Exception as error:
        trace = traceback.format_exc()
        if not _can_leave(error):
            error = RuntimeError(f"{type(error).__name__}: {error}")
        error.add_note(f"in a worker process:\n{trace}")
        told.put(error)


def _can_leave(error: Exception) -> bool:
    """Whether an error means the same where the command raises it: without its traceback."""
    known = isinstance(error, ModuleNotFoundError) or is_refusal(error)
    if isinstance(error, ValueError | ImportError) and not known:
        return False
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True


def _end(processes: Sequence[BaseProcess]) -> None:
    """Ask the workers to release their jobs and end, and wait; an impatient user forces them."""
    try:
        _send(signal.SIGTERM, processes)
        for process in processes:
            if process.pid is not None:
                process.join()
    except KeyboardInterrupt:
        _send(FORCE, processes)
        raise


def _send(number: int, processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        if process.pid is not None and process.is_alive():  # which reaps it where it is not
            os.kill(process.pid, number)
