"""What a search has cost."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from ...schedules._checks import number, whole


@dataclass(frozen=True)
class Cost:
    """A snapshot; snapshots add and subtract.

    Args:
        evaluations: Runs of a sampler on a set of noises, rejected ones and gradient steps too.
        calls: Network calls, counted at the network.
        seconds: Wall time of the evaluations.
        forwards: Samples that went through the network: the calls times their batches.
        rejected: Evaluations that ended after the first block of noises.
    """

    evaluations: int = 0
    calls: int = 0
    seconds: float = 0.0
    forwards: int = 0
    rejected: int = 0

    def __add__(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: Cost) -> Cost:
        """What came after ``other``."""
        return Cost(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    @staticmethod
    def from_dict(data: Any) -> Cost:
        """From ``dataclasses.asdict``; TypeError or ValueError where it is no cost."""
        cost = Cost(**data)
        number("seconds", cost.seconds, low=0)
        for name in ("evaluations", "calls", "forwards", "rejected"):
            whole(name, getattr(cost, name))
        return cost
