"""A worker: claims open jobs one after another until all are done."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from .ledger import INTERRUPTED, Job, Ledger, Result
from .stop import Stop

POLL_SECONDS = 0.5

SPREAD = 16
"""Workers pick among the first few open jobs, so that many starting at once seldom collide."""


@dataclass(frozen=True, kw_only=True)
class Status(ABC):
    """The state of the work, as a worker sees it.

    Attributes:
        running: Keys of the jobs that a live worker holds.
        current: The job in hand here.
    """

    running: frozenset[str]
    current: Any = None

    @property
    @abstractmethod
    def left(self) -> Sequence[Job]:
        """Jobs that can be done now and are not finished, the most urgent first."""

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether nothing is left, and nothing will be."""


StatusT = TypeVar("StatusT", bound=Status)


def work(
    look: Callable[[], StatusT],
    ledger: Ledger,
    execute: Callable[[Any], Result],
    stop: Stop,
) -> Iterator[StatusT]:
    """Do what is open and wait for what others hold, which may die or open more.

    Yields the status before every job and every wait, and at the end. A job that raises is
    recorded as a crash and tried again up to the ledger's limit.

    Args:
        look: Reads the state of the work.
        ledger: Where claims and results are kept.
        execute: Does a job; raises where ``stop`` was asked in the middle of one.
        stop: The user's wish to end.
    """
    while True:
        status = look()
        yield status
        if status.complete or stop():
            return
        free = [job for job in status.left if job.key not in status.running]
        if not free:
            stop.wait(POLL_SECONDS)
            continue
        job = random.choice(free[:SPREAD])
        trial = ledger.claim(job)
        if trial is not None:
            yield replace(status, current=job)
            _carry_out(job, trial, ledger, execute, stop)


def _carry_out(
    job: Job, trial: int, ledger: Ledger, execute: Callable[[Any], Result], stop: Stop
) -> None:
    """Do a claimed job; whatever happens, the claim ends."""
    try:
        with ledger.holding(trial):
            result = execute(job)
    except Exception as error:
        reason = f"crashed: {type(error).__name__}: {error}"
        ledger.release(trial, INTERRUPTED if stop() else reason)
    except BaseException:
        ledger.release(trial, INTERRUPTED)
        raise
    else:
        ledger.finish(trial, result)
