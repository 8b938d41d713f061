"""What a search costs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ...schedules._checks import number, whole
from ...schedules._state import check_keys, reading

FORWARD = 1 / 3
"""Cost of a forward pass for scoring, in updates: a backward pass costs two forward ones."""


@dataclass
class Ledger:
    """Counts of what was run: ``productive`` + ``search`` are all updates of the optimizer.

    Attributes:
        productive: Updates that the run consists of.
        search: Updates of probes, which were undone.
        scored: Batches that were only scored.
        seconds: Of the run so far, search included.
        search_seconds: Of the search.

    Example:
        >>> Ledger(productive=1000, search=80, scored=30).overhead
        0.09
    """

    productive: int = 0
    search: int = 0
    scored: int = 0
    seconds: float = 0.0
    search_seconds: float = 0.0

    @property
    def spent(self) -> float:
        """The search's cost in updates, scoring included."""
        return self.search + self.scored * FORWARD

    @property
    def overhead(self) -> float:
        """Cost of the search per productive update; 0 before the first."""
        return self.spent / self.productive if self.productive else 0.0

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError, with nothing changed, where it is none."""
        check_keys("Ledger", state_dict, self.state_dict())
        with reading("Ledger"):
            for name in ("productive", "search", "scored"):
                whole(name, state_dict[name])
            for name in ("seconds", "search_seconds"):
                number(name, state_dict[name], low=0)
        self.__init__(**state_dict)
