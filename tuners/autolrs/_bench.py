"""Bench: updates beside the run, and scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ._pilot import Pilot
from ._ranks import Ranks
from ._recording import Recording
from ._training import Training
from .ledger import Ledger
from .snapshot import Snapshot


class Bench:
    """Where candidates are tried: the training, its rates, its ranks and what it all costs."""

    def __init__(self, training: Training, pilot: Pilot, ranks: Ranks, ledger: Ledger) -> None:
        self.training, self.pilot, self.ranks, self.ledger = training, pilot, ranks, ledger

    def snapshot(self) -> Snapshot:
        """The present state."""
        return Snapshot(*self.training.parts)

    def replay(
        self, recording: Recording, part: range, start: int, scale: Callable[[int], float]
    ) -> list[Tensor]:
        """Updates on recorded batches.

        Args:
            recording: The batches.
            part: Which of its updates.
            start: The run's position at its first one.
            scale: The scale of the rates at each of its updates, by index.

        Returns:
            Their losses, unread.
        """
        losses = list[Tensor]()
        for i in part:
            self.pilot.write(start + i, scale(i))
            losses.append(self.training.step(recording[i]).detach())
            self.ledger.search += 1
        return losses

    def score(self, batches: Sequence[Any]) -> list[float]:
        """Mean loss of each batch over all ranks; NaN where it is not finite."""
        self.ledger.scored += len(batches)
        return self.ranks.mean(self.training.score(batches))

    def read(self, losses: Sequence[Tensor]) -> list[float]:
        """Means of losses over all ranks, in one go; NaN where one is not finite."""
        return self.ranks.mean(torch.stack([loss.reshape(()) for loss in losses]))
