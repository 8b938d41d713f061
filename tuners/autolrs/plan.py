"""When the improved mode searches, and how long a probe may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .ledger import FORWARD
from .report import Report

LEAST_PROBE = 20
"""Updates of the shortest probe that is worth its noise."""
MOST_STAGES = 8
_HOPE = 0.5
"""Standard errors of an expected gain from which a stage that changed nothing raises hopes."""


@dataclass(frozen=True)
class ProbeShape:
    """What a stage of the search consists of.

    Attributes:
        candidates: Scales that are tried, the present one among them.
        scored: Batches that each is scored on.
        hold: Part of a probe before its cooldown.
    """

    candidates: int
    scored: int
    hold: float

    def held(self, length: int) -> int:
        """Updates of a probe of that length before its cooldown."""
        return min(max(1, round(self.hold * length)), length - 1)

    def cost(self, length: int) -> float:
        """Updates that a stage costs at most, on top of the run's own.

        The stage's beginning is scored. The present scale is held by the run itself, and costs its
        cooldown alone; each other candidate a probe; where one of them wins, it catches up with
        the run; and where a rise then turns out to diverge, the run is put back.
        """
        first = length - self.held(length) + 2 * self.scored * FORWARD
        return first + (self.candidates - 1) * self.another(length) + self.after(length)

    def another(self, length: int) -> float:
        """Updates that one more candidate costs at most."""
        return length + self.scored * FORWARD

    def after(self, length: int) -> float:
        """Updates that a change may cost after the probes."""
        return 2 * length - self.held(length)

    def longest(self, allowance: float) -> int:
        """The longest probe whose stage costs no more than ``allowance``; 0 if there is none.

        Example:
            >>> ProbeShape(candidates=5, scored=8, hold=0.6).longest(125)
            18
        """
        length = max(0, math.floor(allowance / (self.candidates - 1)))
        while length > 1 and self.cost(length) > allowance:
            length -= 1
        return length if length > 1 else 0


@dataclass(frozen=True)
class Plan:
    """The stages of a run.

    Attributes:
        starts: Updates at which a search begins, ascending.
        end: No probe reaches into the run's end from here on: it belongs to the cooldown.
        allowance: Updates that all searches together may cost.
        shape: Of a stage.
    """

    starts: tuple[int, ...]
    end: int
    allowance: float
    shape: ProbeShape

    @classmethod
    def of(
        cls,
        total_steps: int,
        first: int,
        overhead: float,
        tail: float,
        stages: int | None,
        shape: ProbeShape,
    ) -> Plan:
        """Stages every ``total_steps / stages`` updates from ``first`` on, none in the tail.

        Without a number of stages: as many as leave probes of 20 updates, 8 at most. There are
        none where even that is too long.
        """
        end, allowance = math.floor((1.0 - tail) * total_steps), overhead * total_steps
        for number in (stages,) if stages else range(MOST_STAGES, 0, -1):
            found = (first + i * total_steps // number for i in range(number))
            starts = tuple(t for t in found if t + LEAST_PROBE <= end)
            if starts and shape.longest(allowance / len(starts)) >= LEAST_PROBE:
                return cls(starts, end, allowance, shape)
        return cls((), end, allowance, shape)

    def probe(self, stage: int, position: int, spent: float) -> int:
        """Updates of a probe of this stage; 0 where there is no room for one.

        Args:
            stage: Its index.
            position: Updates done.
            spent: What the stages before it cost.
        """
        length = min(self.shape.longest(self.share(stage, spent)), self.end - position)
        return length if length >= LEAST_PROBE else 0

    def share(self, stage: int, spent: float) -> float:
        """Updates that this stage may cost: what those before it left is shared out.

        At most twice an even share: what is saved by not searching is mostly saved.
        """
        number = len(self.starts)
        return min((self.allowance - spent) / (number - stage), 2 * self.allowance / number)


def passed_over(reports: Sequence[Report]) -> int:
    """Stages to pass over after these: where nothing was won twice, little is expected next time.

    Of the stages in a row, up to the last, that changed nothing and raised no hope: one less.
    """
    kept = 0
    for report in reversed(reports):
        if report.scale != report.before or report.gain > _HOPE * report.error:
            break
        kept += 1
    return max(0, kept - 1)
