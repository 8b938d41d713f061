"""One stage of the improved mode: candidates are held, cooled down, scored and compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..tuner import Tuner
from ._bench import Bench
from ._findings import Findings
from ._recording import Recording
from .decision import Decision, Trial
from .early import diverged, lagging, rising
from .plan import ProbeShape
from .snapshot import Snapshot

_CHECKS = 3
"""Looks at the losses while a candidate is held."""
_ASKS = 32
"""Answers of a tuner to one stage: one that asks for what was tried may do so again."""


class AllDiverged(RuntimeError):
    """No candidate of a stage, nor the present scale, had a finite loss."""


class Stage:
    """Tries scales beside the run, which has held the present one over the recorded batches.

    Args:
        bench: Where updates are run.
        recording: The batches that the run has just trained on.
        start: Updates done before them.
        held: How many of them precede a probe's cooldown.
        scale: The present scale.
        origin: The state before the first of the batches.
        hold_end: The state after ``held`` of them; it is overwritten.
        scoring: Batches to score on.
        number: Of the stage: all ranks must stand at the same.

    Attributes:
        reached: Losses of the run's last updates, at the scale that it goes on with.
    """

    def __init__(
        self,
        bench: Bench,
        recording: Recording,
        start: int,
        held: int,
        scale: float,
        origin: Snapshot,
        hold_end: Snapshot,
        scoring: Sequence[Any],
        number: int,
    ) -> None:
        self._bench, self._recording, self._start, self._held = bench, recording, start, held
        self._scale, self._origin, self._probe = scale, origin, hold_end
        self._scoring, self._number = scoring, number
        self._kept: Snapshot | None = None  # the end of the hold of the best candidate
        self._kept_scale = scale
        self.reached = recording.losses

    def run(
        self,
        candidates: Tuner[Any],
        shape: ProbeShape,
        cost: float,
        room: float,
        falls: bool,
    ) -> tuple[Decision, list[Trial], Snapshot | None]:
        """Try the present scale and others, and leave the training at the winner's state.

        Args:
            candidates: Proposes scales, and is told their differences to the present one, or NaN
                where the loss ended above its beginning. It is asked while another whole probe can
                be paid, so that what is saved by probes left early pays for more of them.
            shape: Of a stage: what a probe costs.
            cost: What a change must gain per octave, as a part of the present score.
            room: Updates that the stage may cost.
            falls: Whether lower scales are tried though the present one's losses do not rise.

        Returns:
            The decision, the trials and, where the scale was changed, the state that the run
            would be in without the change.

        Raises:
            AllDiverged: the training is at the stage's origin then.
        """
        now = self._bench.snapshot()
        self._limit = self._bench.ledger.spent + room
        try:
            decision = self._search(candidates, shape, cost, falls)
            found = self._found.trials
            if decision is not None:
                decision = self._affordable(decision, found, shape)
                if decision.scale != self._scale:
                    self._commit(decision.scale)
                    return decision, found, now
        except BaseException:
            self._return_to(now)
            raise
        if decision is None:
            self._origin.restore()
            self._bench.pilot.write(self._start, self._scale)
            raise AllDiverged(
                f"AutoLRS: at update {self._start} every scale tried diverged "
                f"({', '.join(f'{t.scale:.3g}' for t in found)}); the training was put back there"
            )
        self._return_to(now)
        return decision, found, None

    # ---- inside -------------------------------------------------------------------------

    def _search(
        self, candidates: Tuner[Any], shape: ProbeShape, cost: float, falls: bool
    ) -> Decision | None:
        reference = self._bench.read(self._recording.losses)
        self._origin.restore()
        self._found = found = Findings(self._scale, self._bench.score(self._scoring), cost)
        if all(math.isfinite(loss) for loss in reference):
            self._probe.restore()
            found.add(self._scale, self._cooled(self._scale))
        else:
            found.add(self._scale, None)
        falls = falls or found.failed(self._scale) or rising(reference)
        whole = shape.another(self._recording.length) + shape.after(self._recording.length)
        last = math.nan
        for i in range(_ASKS):
            if self._bench.ledger.spent + whole > self._limit:
                break
            # The first rank alone asks: its answer is the one that counts.
            choice = candidates.ask() if self._bench.ranks.is_first else 0.0
            mine = float(getattr(choice, "value", choice))  # a bandit's Choice, or a number
            (scale,) = self._bench.ranks.decide([mine], self._number + i / 1000)
            if scale == last:
                break  # it has nothing more to ask
            last = scale
            if scale not in found and (falls or scale > self._scale):
                self._try(scale, reference)
                self._keep_if_best(scale)
            if self._bench.ranks.is_first:
                candidates.tell(choice, found.cost_of(scale))
        return self._agreed(found.decision())

    def _try(self, scale: float, reference: list[float]) -> None:
        """Hold a candidate, and cool it down unless it diverges or has lost before."""
        self._origin.restore()
        held = list[float]()
        step = math.ceil(self._held / _CHECKS)
        for first in range(0, self._held, step):
            part = range(first, min(first + step, self._held))
            losses = self._bench.replay(self._recording, part, self._start, lambda _: scale)
            held += self._bench.read(losses)
            if diverged(held[part.start :], reference[part.start : part.stop], reference):
                self._found.add(scale, None)
                return
            if scale < self._scale and (lag := lagging(scale, held, reference)) is not None:
                self._found.leave(lag)
                return
        self._probe.capture()
        self._found.add(scale, self._cooled(scale))

    def _cooled(self, scale: float) -> list[float]:
        """Losses after the rest of the recording at rates that fall linearly to zero."""
        part = range(self._held, self._recording.length)
        self._bench.replay(
            self._recording,
            part,
            self._start,
            # m/(m+1), ..., 1/(m+1): neither a full rate nor an update at zero.
            lambda i: scale * (part.stop - i) / (len(part) + 1),
        )
        return self._bench.score(self._scoring)

    def _keep_if_best(self, scale: float) -> None:
        """Keep the end of this candidate's hold where it is what would be chosen by now."""
        decision = self._found.decision()
        if decision is None or decision.scale != scale:
            return
        if self._kept is None:
            try:
                self._kept = self._bench.snapshot()
            except MemoryError:
                return  # the winner's hold is run again
        self._kept.swap(self._probe)
        self._kept_scale = scale

    def _agreed(self, decision: Decision | None) -> Decision | None:
        """What the first rank decided."""
        mine = [0.0] * 3 if decision is None else [decision.scale, decision.gain, decision.error]
        scale, gain, error = self._bench.ranks.decide(mine, self._number + 0.5)
        return None if scale == 0.0 else Decision(scale, gain, error)

    def _affordable(self, decision: Decision, found: list[Trial], shape: ProbeShape) -> Decision:
        """If the winner's hold is not kept and cannot be paid again: a smaller change, or none."""
        after = self._held + shape.after(self._recording.length)
        paid = self._bench.ledger.spent + after <= self._limit
        if decision.scale in (self._scale, self._kept_scale) or paid:
            return decision
        kept = next(trial for trial in found if trial.scale == self._kept_scale)
        bolder = abs(math.log(kept.scale / self._scale)) > abs(
            math.log(decision.scale / self._scale)
        )
        if self._kept is None or bolder or not -kept.difference > kept.error:
            return Decision(self._scale, 0.0, decision.error)
        return Decision(kept.scale, -kept.difference, kept.error)

    def _commit(self, scale: float) -> None:
        """Go to the end of the winner's hold, and on over the rest of the recording."""
        if self._kept is not None and self._kept_scale == scale:
            self._kept.restore()
        else:
            self._origin.restore()
            part = range(self._held)
            self._bench.replay(self._recording, part, self._start, lambda _: scale)
        rest = range(self._held, self._recording.length)
        self.reached = self._bench.replay(self._recording, rest, self._start, lambda _: scale)

    def _return_to(self, now: Snapshot) -> None:
        now.restore()
        last = self._start + self._recording.length - 1
        self._bench.pilot.write(last, self._scale)
