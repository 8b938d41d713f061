"""What a worker of a comparison sees: the plan of the grid, from what the ledger says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..trials import worker
from ..trials.ledger import Board, Ledger
from .grid import Grid, Run
from .outcome import Outcome
from .plan import Plan, make_plan

STUDY = "ritard-compare"
"""The one study that holds the trials of all comparisons in a storage."""


@dataclass(frozen=True)
class Status(worker.Status):
    """What there is to show: the plan, and what has finished."""

    plan: Plan
    outcomes: dict[str, Outcome]

    @property
    def left(self) -> Sequence[Run]:
        """Runs not finished."""
        return self.plan.left

    @property
    def complete(self) -> bool:
        """Whether the whole grid is done."""
        return self.plan.complete


def look(grid: Grid, ledger: Ledger) -> Status:
    """Read the ledger and plan."""
    board = ledger.read()
    outcomes = outcomes_of(board)
    return Status(make_plan(grid, outcomes), outcomes, running=board.running)


def outcomes_of(board: Board) -> dict[str, Outcome]:
    """The outcomes on a board, those of runs that could not be done among them.

    Raises:
        Damaged: a result is not one.
    """
    failed = {k: Outcome.failure(f.reason, f.details["lr"]) for k, f in board.failures.items()}
    return {key: board.read(key, Outcome.from_dict) for key in board.results} | failed
