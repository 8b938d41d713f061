"""Watch: whether a rise holds, beyond the probe that chose it."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from ._bench import Bench
from ._recording import Recording
from .decision import Trial
from .early import diverged
from .report import Report
from .snapshot import Snapshot


class Watch:
    """The first updates at a raised scale, with what it takes to do them at the former one.

    Args:
        bench: Where updates are run.
        recorded: Losses of the stage's recording, at the former scale.
        now: The state at its end, at the former scale.
        start: Updates done by then.
        length: Updates to watch.
        scale: The former scale.
    """

    def __init__(
        self,
        bench: Bench,
        recorded: list[Tensor],
        now: Snapshot,
        start: int,
        length: int,
        scale: float,
    ) -> None:
        self._bench, self._recorded, self._now = bench, recorded, now
        self._start, self.scale = start, scale
        self._recording = Recording(length)

    def add(self, batch: Any) -> None:
        """A batch is about to be trained on."""
        self._recording.add(batch)

    def close(self, loss: Tensor) -> bool:
        """An update is done; True when all that are watched are."""
        self._recording.close(loss)
        return len(self._recording) == self._recording.length

    def failed(self) -> bool:
        """Whether the loss diverged: by the same measure as in a probe, over the last third."""
        reference = self._bench.read(self._recorded)
        losses = self._bench.read(self._recording.losses)
        return diverged(losses[-max(1, len(losses) // 3) :], reference, reference)

    def undo(self) -> None:
        """Go through the updates watched again, at the former scale from the former state."""
        self._now.restore()
        whole = range(self._recording.length)
        self._bench.replay(self._recording, whole, self._start, lambda _: self.scale)

    def report(self, raised: float, overhead: float) -> Report:
        """What is to be said of it."""
        lost, former = Trial(raised, *[math.nan] * 3), Trial(self.scale, math.nan, 0.0, 0.0)
        found = (lost, former), raised, self.scale, math.inf, 0.0, overhead
        return Report(self._start, self._recording.length, *found)
