"""How far a search is, counted from the results alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..trials.ledger import Board
from .jobs import Score


@dataclass(frozen=True)
class Standing:
    """Of one NFE.

    Attributes:
        nfe: Network evaluations per sample.
        fixed: Fixed samplers evaluated.
        searched: Proposals of the search evaluated.
        best_fixed: The best fixed sampler's score on the train noises.
        best: The best of all.
    """

    nfe: int
    fixed: int = 0
    searched: int = 0
    best_fixed: float = math.inf
    best: float = math.inf

    def with_score(self, phase: str, score: float) -> Standing:
        """After one more evaluation."""
        best = min(self.best, score)
        if phase == "fixed":
            lowest = min(self.best_fixed, score)
            return replace(self, fixed=self.fixed + 1, best_fixed=lowest, best=best)
        return replace(self, searched=self.searched + 1, best=best)


@dataclass(frozen=True)
class Tally:
    """Of all NFEs.

    Attributes:
        standings: One of each NFE.
        fixed: How many fixed samplers there are, by NFE.
        searching: How many evaluations the search has at each NFE; those that it asks for and
            the fixed samplers have had already are not done again.
    """

    standings: tuple[Standing, ...]
    fixed: Mapping[int, int]
    searching: int

    @property
    def done(self) -> int:
        """Evaluations done."""
        return sum(s.fixed + s.searched for s in self.standings)

    @property
    def total(self) -> int:
        """Evaluations that there may be."""
        return sum(self.fixed[s.nfe] + self.searching for s in self.standings)

    @property
    def swept(self) -> bool:
        """Whether all fixed samplers have been evaluated."""
        return all(s.fixed >= self.fixed[s.nfe] for s in self.standings)


def tally(identity: str, board: Board, fixed: Mapping[int, int], searching: int) -> Tally:
    """Count what the board has of a search."""
    standings = {nfe: Standing(nfe) for nfe in fixed}
    for key in board.results:
        if key.startswith(f"{identity}|") and (phase := key.split("|")[-3]) in ("fixed", "search"):
            nfe = int(key.split("|")[-2])
            score = board.read(key, Score.from_dict)
            standings[nfe] = standings[nfe].with_score(phase, score.value)
    return Tally(tuple(standings.values()), fixed, searching)
