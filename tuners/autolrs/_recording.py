"""Recording: the batches of a probe, kept so that every candidate sees the same."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._replay_batch import RecordedBatch, nbytes, tensors
from ._snapshot_memory import free_on
from ._snapshot_random import RandomState
from ._snapshot_room import SHARE


class Recording:
    """The batches of ``length`` updates, each with the random numbers' state after its draw.

    An update has several batches where gradients accumulate. The losses of the updates are kept
    beside them, where they are, unread.

    Args:
        length: Updates to record.

    Attributes:
        losses: The losses so far.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self.losses: list[Tensor] = []
        self._updates: list[list[RecordedBatch]] = []
        self._open = False

    def add(self, batch: Any) -> None:
        """Keep a batch of the present update, before it is trained on.

        Raises:
            MemoryError: batches of this size do not fit ``length`` times.
        """
        if not self._updates:
            _check_memory(batch, self.length)
        if not self._open:
            self._updates.append([])
            self._open = True
        self._updates[-1].append(RecordedBatch(batch, RandomState()))

    def close(self, loss: Tensor) -> None:
        """The present update is done; one of which no batch was added is none of these."""
        if not self._open:
            return
        self.losses.append(loss.detach())
        self._open = False

    def __len__(self) -> int:
        """Updates recorded and done."""
        return len(self.losses)

    def __getitem__(self, i: int) -> list[RecordedBatch]:
        """The batches of an update."""
        return self._updates[i]


def _check_memory(batch: Any, length: int) -> None:
    first = next(tensors(batch), None)
    free = free_on(torch.device("cpu") if first is None else first.device)
    if (size := nbytes(batch) * length) > SHARE * free:
        raise MemoryError(
            f"AutoLRS: the batches of {length} updates need {size / 1e9:.3g} GB, and "
            f"{free / 1e9:.3g} GB are free; ask for shorter probes"
        )
