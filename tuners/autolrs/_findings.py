"""Findings: what the probes of a stage have shown so far."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .decision import Decision, Trial, decide, trials, worse


class Findings:
    """The scales that were tried, compared to the present one on the same batches.

    Args:
        scale: The present scale.
        began: Losses at the stage's beginning, of the batches that are scored on.
        cost: What a change must gain per octave, as a part of the present score.
    """

    def __init__(self, scale: float, began: Sequence[float], cost: float) -> None:
        self._scale, self._began, self._cost = scale, began, cost
        self._losses: dict[float, Sequence[float] | None] = {}
        self._behind: dict[float, Trial] = {}  # left early: they had lost
        self._unlearned = set[float]()  # the loss ended above where it began

    def add(self, scale: float, losses: Sequence[float] | None) -> None:
        """Take in the losses that a scale was scored by; None, or not finite: it diverged."""
        if losses is None or not all(map(math.isfinite, losses)):
            self._losses[scale] = None
            return
        self._losses[scale] = losses
        if worse(losses, self._began):
            self._unlearned.add(scale)

    def leave(self, trial: Trial) -> None:
        """Take in a scale whose probe was left early, having lost."""
        self._losses[trial.scale] = None
        self._behind[trial.scale] = trial

    def __contains__(self, scale: float) -> bool:
        return scale in self._losses

    def failed(self, scale: float) -> bool:
        """Whether a scale diverged, or its loss ended above where it began."""
        return self._losses[scale] is None or scale in self._unlearned

    @property
    def trials(self) -> list[Trial]:
        """What is to be reported of each scale, in the order that they were tried."""
        compared = trials(self._scale, self._losses)
        return [self._behind.get(trial.scale, trial) for trial in compared]

    def cost_of(self, scale: float) -> float:
        """What a tuner is told of a scale: how much worse than the present one, NaN if it failed.

        NaN too if it was not tried; of a probe that was left, what it lacked until there.
        """
        differences = {trial.scale: trial.difference for trial in self.trials}
        return math.nan if scale in self._unlearned else differences.get(scale, math.nan)

    def decision(self) -> Decision | None:
        """What is chosen by now; None where every scale diverged."""
        return decide(self._scale, self.trials, self._cost, self._unlearned)
