"""The course of a search: what can be done now, from the results that are there.

A worker replays them; any worker, at any time, comes to the same candidates, and to the same
findings. Solving, evaluating and finishing overlap: who would wait for the last of a batch solves
exactly what is needed later.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ...tuners.solver_search import fixed_samplers, key
from ..trials import worker
from ..trials.ledger import Board, Job, Ledger
from .feeds import METHODS, Feed, SearchFeed, Sweep
from .ground import Ground
from .jobs import Evaluation, Finish, Found, Phase, Score
from .tally import Tally, tally
from .task import NOISES

STUDY = "ritard-search"
"""The one study that holds the trials of all searches in a storage."""


@dataclass(frozen=True)
class Status(worker.Status):
    """What there is to show, and what can be done now.

    Attributes:
        tally: What the board says of this search.
        found: What is finished, by NFE.
        wanted: NFEs to be finished.
        stage: What is being done.
        failed: Why it cannot be; empty where it can.
        open: Jobs that can be done now.
    """

    tally: Tally
    found: Mapping[int, Found]
    wanted: tuple[int, ...]
    stage: str = ""
    failed: str = ""
    open: tuple[Job, ...] = ()

    @property
    def left(self) -> Sequence[Job]:
        """Jobs that can be done now."""
        return self.open

    @property
    def complete(self) -> bool:
        """Whether everything is finished, or cannot be."""
        return bool(self.failed) or all(nfe in self.found for nfe in self.wanted)


class Course:
    """One worker's view of a search."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.task = ground, ground.task
        noise, ends = ground.model.noise, ground.subject.ends
        self.sweeps = {n: Sweep(fixed_samplers(noise, n, *ends)) for n in self.task.nfe}

    @cached_property
    def search(self) -> SearchFeed:
        """The search, made when a worker first comes to it."""
        task, ground = self.task, self.ground
        make = METHODS[task.method]
        return make(ground.model, task.nfe, task.searching, task.seed, ground.subject.ends)

    def look(self, ledger: Ledger) -> Status:
        """Read the ledger, and say what can be done."""
        board = ledger.read()
        status = self.watch(board)
        if status.complete:
            return status
        open_jobs = tuple(self._open(board, status.found))
        return replace(status, open=open_jobs)

    def watch(self, board: Board) -> Status:
        """What there is to show, without working out what to do next."""
        identity = self.ground.identity
        found = {
            nfe: board.read(name, Found.from_dict)
            for nfe in self.task.nfe
            if (name := Finish(identity, nfe).key) in board.results
        }
        mine = (identity, f"exact|{self.ground.token}")
        failed = [f.reason for key, f in board.failures.items() if key.startswith(mine)]
        counts = {n: len(sweep.samplers) for n, sweep in self.sweeps.items()}
        told = tally(identity, board, counts, self.task.searching)
        stage = self._stage(told, board)
        status = Status(told, found, self.task.nfe, stage, running=board.running)
        if status.complete:
            return status
        return replace(
            status, failed=failed[0] if failed else self._removed(board) or _hopeless(told)
        )

    def _removed(self, board: Board) -> str:
        """Solutions that were there and are not; nobody would compute them again."""
        for name in NOISES:
            for block in self.ground.unsolved(name):
                if block.key in board.results:
                    return f"{block.name} was removed; remove the whole folder {self.ground.kept}"
        return ""

    def _stage(self, told: Tally, board: Board) -> str:
        if self.ground.unsolved("train"):
            return "exact solutions"
        if not told.swept:
            return "fixed solvers"
        ending = any("|finish|" in name for name in board.running)
        return "choice and refinement" if ending else "search"

    def scores(self, phase: Phase, results: Mapping[str, dict[str, Any]]) -> dict[str, float]:
        """Costs of the samplers evaluated in a phase, by the samplers' keys."""
        start = f"{self.ground.identity}|{phase}|"
        return {
            name.rsplit("|", 1)[1]: Score.from_dict(result).value
            for name, result in results.items()
            if name.startswith(start)
        }

    # ---- what can be done ----------------------------------------------------------------

    def _open(self, board: Board, found: Mapping[int, Found]) -> list[Job]:
        unsolved = {name: self.ground.unsolved(name) for name in NOISES}
        jobs: list[Job] = [*unsolved.pop("train")]
        if not jobs:
            jobs += self._evaluations(board.results)
        later = [block for blocks in unsolved.values() for block in blocks]
        if not jobs and not later:
            jobs += [Finish(self.ground.identity, n) for n in self.task.nfe if n not in found]
        return [*jobs, *later]

    def _evaluations(self, results: Mapping[str, dict[str, Any]]) -> list[Job]:
        """True evaluations: of the fixed samplers first, then of the search's proposals."""
        known = self.scores("fixed", results)
        for sweep in self.sweeps.values():
            advance(sweep, known)
        jobs = [job for sweep in self.sweeps.values() for job in self._jobs(sweep, "fixed")]
        if not jobs:
            advance(self.search, self.scores("search", results) | known)
            jobs += self._jobs(self.search, "search")
        return jobs

    def _jobs(self, feed: Feed, phase: Phase) -> list[Job]:
        return [
            Evaluation(self.ground.identity, phase, sampler, feed.bound(sampler))
            for sampler in feed.open()
        ]


def advance(feed: Feed, known: Mapping[str, float]) -> None:
    """Tell a feed all that is known of what it proposes, and of what it proposes then."""
    while told := [sampler for sampler in feed.open() if key(sampler) in known]:
        for sampler in told:
            feed.tell(sampler, known[key(sampler)])


def _hopeless(told: Tally) -> str:
    for standing in told.standings:
        if told.swept and not math.isfinite(standing.best_fixed):
            return (
                f"nfe={standing.nfe}: none of {standing.fixed} fixed samplers gives a finite score "
                "on this model; check its prediction type and noise schedule"
            )
    return ""
