"""What is compared on each testbed: budgets, noises, seeds and methods."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Protocol:
    """The comparison on one testbed.

    Attributes:
        testbed: Its name.
        nfes: Numbers of network evaluations.
        seeds: Searches of each method at each NFE; every seed has training noises of its own.
        train: Noises a search sees, of each seed.
        validation: Noises on which each chooses its last; common to all.
        test: Noises of the report, met once by each sampler that was chosen; common to all.
        evaluations: True evaluations of each search.
        beyond: Further NFEs at which the fixed solvers alone are run.
    """

    testbed: str
    nfes: tuple[int, ...]
    seeds: int = 3
    train: int = 256
    validation: int = 512
    test: int = 2048
    evaluations: int = 400
    beyond: tuple[int, ...] = ()

    def smaller(self, **changes: Any) -> Protocol:
        """With other numbers."""
        return replace(self, **changes)


@dataclass(frozen=True, order=True)
class Cell:
    """One search: the unit that is run, kept, and never run again."""

    testbed: str
    nfe: int
    method: str
    seed: int = 0

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.testbed}-{self.nfe:02d}-{self.method}-{self.seed}"
