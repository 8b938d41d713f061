"""A worker: claims open runs one after another until the whole grid is done."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .grid import Grid, Run
from .ledger import INTERRUPTED, Ledger
from .outcome import Outcome
from .plan import Plan, make_plan
from .stop import Stop

POLL_SECONDS = 0.5

SPREAD = 16
"""Workers pick among the first few open runs, so that many starting at once seldom collide."""


@dataclass(frozen=True)
class Status:
    """What there is to show: the plan, the runs in hand everywhere, the one in hand here."""

    plan: Plan
    outcomes: dict[str, Outcome]
    running: frozenset[str]
    current: Run | None = None


def work(
    grid: Grid, ledger: Ledger, execute: Callable[[Run], Outcome], stop: Stop
) -> Iterator[Status]:
    """Run what is open and wait for what others hold, which may die or widen the grid.

    Yields the status before every run and every wait, and at the end. A run that raises is
    recorded as a crash and tried again up to the ledger's limit.

    Args:
        grid: What is compared.
        ledger: Where claims and results are kept.
        execute: Does a run; raises Interrupted where ``stop`` was asked.
        stop: The user's wish to end.
    """
    while True:
        status = look(grid, ledger)
        yield status
        if status.plan.complete or stop():
            return
        free = [run for run in status.plan.left if run.key not in status.running]
        if not free:
            stop.wait(POLL_SECONDS)
            continue
        run = random.choice(free[:SPREAD])
        trial = ledger.claim(run)
        if trial is not None:
            yield Status(status.plan, status.outcomes, status.running, run)
            _carry_out(run, trial, ledger, execute, stop)


def look(grid: Grid, ledger: Ledger) -> Status:
    """Read the ledger and plan."""
    board = ledger.read()
    return Status(make_plan(grid, board.outcomes), board.outcomes, board.running)


def _carry_out(
    run: Run, trial: int, ledger: Ledger, execute: Callable[[Run], Outcome], stop: Stop
) -> None:
    """Do a claimed run; whatever happens, the claim ends."""
    try:
        with ledger.holding(trial):
            outcome = execute(run)
    except Exception as error:
        reason = f"crashed: {type(error).__name__}: {error}"
        ledger.release(trial, INTERRUPTED if stop() else reason)
    except BaseException:
        ledger.release(trial, INTERRUPTED)
        raise
    else:
        ledger.finish(trial, outcome)
