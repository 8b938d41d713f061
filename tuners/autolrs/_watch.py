"""Watch: whether a raised scale holds, beyond the probe that chose it."""

from __future__ import annotations

import math
import statistics
from typing import Any

from torch import Tensor

from ._bench import Bench
from ._recording import Recording
from .decision import Trial
from .report import Report
from .snapshot import Snapshot

_JUMP = 3.0
"""Standard deviations of a batch's loss that its median must have risen."""


class Watch:
    """Some updates at a raised scale, with what it takes to do them at the former one.

    Args:
        bench: Where updates are run.
        reference: Losses that the raised scale had reached before them.
        now: The state that the updates at the former scale would begin from.
        start: Updates done by then.
        length: Updates to watch.
        scale: The former scale.
    """

    def __init__(
        self,
        bench: Bench,
        reference: list[float],
        now: Snapshot,
        start: int,
        length: int,
        scale: float,
    ) -> None:
        self._bench, self._reference, self._now = bench, reference, now
        self.start, self.scale = start, scale
        self._recording = Recording(length)

    def add(self, batch: Any) -> None:
        """A batch is about to be trained on."""
        self._recording.add(batch)

    def close(self, loss: Tensor) -> bool:
        """An update is done; True when all that are watched are."""
        self._recording.close(loss)
        return len(self._recording) == self._recording.length

    def failed(self) -> bool:
        """Whether the loss jumped: by its median over the last third.

        A hard batch, or a spike that is over again, is no jump. A network that died, back at the
        loss that it began with, is one.
        """
        self._losses = self._bench.read(self._recording.losses)
        last = self._losses[-max(1, len(self._losses) // 3) :]
        if not all(map(math.isfinite, self._losses)):
            return True
        deviation = statistics.pstdev(self._reference)
        return statistics.median(last) > statistics.fmean(self._reference) + _JUMP * deviation

    def undo(self) -> None:
        """Go through the updates watched again, at the former scale from the former state.

        Where that fails the training is put back to where it stood.
        """
        here, whole = self._bench.snapshot(), range(self._recording.length)
        try:
            self._now.restore()
            self._bench.replay(self._recording, whole, self.start, lambda _: self.scale)
        except BaseException:
            here.restore()
            raise

    def anew(self, start: int) -> Watch:
        """The updates from ``start`` on, from the present state, in place of these."""
        self._now.capture()
        length = self._recording.length
        return Watch(self._bench, self._reference, self._now, start, length, self.scale)

    def next(self) -> Watch:
        """The updates after these, which went well, from the present state.

        They are measured by these ones, if they were lower.
        """
        length = self._recording.length
        if sum(self._losses) / length <= sum(self._reference) / len(self._reference):
            self._reference = self._losses
        return self.anew(self.start + length)

    def report(self, raised: float, overhead: float) -> Report:
        """What is to be said of it."""
        lost = Trial(raised, math.nan, math.nan, math.nan)
        former = Trial(self.scale, math.nan, 0.0, 0.0)
        found = (lost, former), raised, self.scale, math.inf, 0.0, overhead
        return Report(self.start, self._recording.length, *found)
