"""The improved mode: when the run is recorded, and when it is searched."""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import Tensor

from ...schedules import Schedule
from ...schedules._checks import number, whole
from ..tuner import Tuner
from ._bench import Bench
from ._improved_settings import Settings
from ._mode import Mode
from ._recording import Recording
from ._replay_batch import shallow
from ._stage import AllDiverged, Stage
from ._watch import Watch
from .plan import Plan, passed_over
from .report import Report
from .snapshot import Snapshot


class Improved(Mode):
    """The state of the improved mode. Each update is framed by begin, saw and end.

    Attributes:
        bench: Where candidates are tried.
        probing: Whether the training stands inside a probe.
    """

    probing = False

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        bench: Bench,
        held_out: Sequence[Any],
        anneals: Callable[[int], bool],
    ) -> None:
        super().__init__(1.0, [(0, 1.0)])
        self._settings, self._plan = settings, plan
        self.bench, self._held_out = bench, held_out
        self._anneals = anneals
        self._recent = deque[Any](maxlen=settings.scored)
        self._stage = 0
        self._rest = 0  # stages to pass over
        self._recording: Recording | None = None
        self._watch: Watch | None = None
        self._raised_from: float | None = None
        self._origin: Snapshot | None = None
        self._hold_end: Snapshot | None = None
        self._groups = list[int]()  # their sizes

    @property
    def recording(self) -> bool:
        """Whether a stage is under way, or a rise watched: the run goes on, and is recorded."""
        return self._recording is not None or self._watch is not None

    @property
    def staging(self) -> bool:
        """Whether a stage is under way."""
        return self._recording is not None

    def begin(self) -> None:
        """Before an update: begin to record where a stage is due, and write the rates."""
        self._leave_if_regrouped()
        t = self.bench.ledger.productive
        starts = self._plan.starts
        if self._recording is None and self._stage < len(starts) and t >= starts[self._stage]:
            self._open(t)
        self.bench.pilot.write(t, self.scale)

    def saw(self, batch: Any) -> None:
        """A batch is about to be trained on (several in an update that accumulates)."""
        if self._recording is not None:
            self._recording.add(batch)
            return
        if self._watch is not None:
            self._watch.add(batch)
        if not self._held_out and self._stage < len(self._plan.starts):
            self._recent.append(shallow(batch))

    def end(self, loss: Tensor) -> bool:
        """After an update; searches when the recording is complete. True: it was productive."""
        self.bench.pilot.check()
        self.bench.ledger.productive += 1
        self._leave_if_regrouped()
        if self._recording is not None:
            self._recording.close(loss)
            if len(self._recording) == self._held:
                self._hold_end = self.bench.snapshot()
            if len(self._recording) == self._recording.length:
                self._run_stage()
        elif self._watch is not None and self._watch.close(loss):
            self._end_watch(self._watch)
        # As a scheduler would, it stands at the next update's rates: this is what is saved.
        self.bench.pilot.write(self.bench.ledger.productive, self.scale)
        return True

    def abandon(self) -> None:
        """Leave the stage under way, if any; the run itself is as it would be without it."""
        self._recording = self._origin = self._hold_end = self._watch = None

    def _leave_if_regrouped(self) -> None:
        """Go back no further than to where parameter groups came: that would undo it."""
        groups = [len(g["params"]) for g in self.bench.pilot.scheduler.optimizer.param_groups]
        if groups != self._groups:
            self._groups, watch = groups, self._watch
            self.abandon()  # a stage is begun anew
            if watch is not None:
                self._watch = watch.anew(self.bench.ledger.productive)

    # ---- a stage ------------------------------------------------------------------------

    def _open(self, t: int) -> None:
        """Begin to record, or wait for batches to score on, or go without this stage."""
        if not self._held_out and len(self._recent) < (self._recent.maxlen or 0):
            return
        plan = self._plan
        while self._stage + 1 < len(plan.starts) and t >= plan.starts[self._stage + 1]:
            self._stage += 1  # a resumed run has passed them
        length = 0 if self._rest else plan.probe(self._stage, t, self.bench.ledger.spent)
        if length == 0:
            self._rest = max(0, self._rest - 1)
            self._stage += 1
            return
        self._watch = None
        self._origin = self.bench.snapshot()
        self._recording = Recording(length)
        self._held = plan.shape.held(length)
        self._start = t

    def _run_stage(self) -> None:
        ledger, recording = self.bench.ledger, self._recording
        origin, hold_end = self._origin, self._hold_end
        assert recording is not None and origin is not None and hold_end is not None
        self.abandon()
        scoring = self._held_out or list(self._recent)
        number = self._stage
        self._stage += 1
        stage = Stage(
            self.bench, recording, self._start, self._held, self.scale, origin, hold_end, scoring,
            number,
        )  # fmt: skip
        plan, cost = self._plan, self._settings.switching_cost
        tuner, room = self._tuner(), plan.share(number, ledger.spent)
        falls = not self.reports or not self._anneals(self._start)
        try:
            with self._probes():
                decision, trials, former = stage.run(tuner, plan.shape, cost, room, falls)
        except AllDiverged:  # the run is back at the stage's beginning
            ledger.search += ledger.productive - self._start
            ledger.productive = self._start
            raise
        self._guard(stage.reached, recording.length, former, decision.scale)
        found = (tuple(trials), self.scale, decision.scale, decision.gain, decision.error)
        self._adopt(Report(self._start, recording.length, *found, ledger.overhead))

    def _guard(
        self, reached: list[Tensor], length: int, former: Snapshot | None, scale: float
    ) -> None:
        """Watch a rise from the state without it, and a scale raised before from the present."""
        if scale > self.scale:
            self._raised_from = self.scale
        elif self._raised_from is not None and scale <= self._raised_from:
            self._raised_from = None
        if self._raised_from is None:
            return
        self._watch = Watch(
            self.bench,
            self.bench.read(reached),
            former if former is not None and scale > self.scale else self.bench.snapshot(),
            self._start + length,
            length,
            self._raised_from,
        )

    def _end_watch(self, watch: Watch) -> None:
        """Where a raised scale diverged, the run goes on as the former one leads it."""
        self._watch = None
        if not watch.failed():
            self._watch = watch.next()
            return
        with self._probes():
            watch.undo()
        self._raised_from = None
        risen = self.segments[-1]
        if self.reports[-1].start == risen[0] and watch.start == risen[0] + self.reports[-1].probe:
            self.segments.pop()  # the rise is undone whole
        else:
            self.segments.append((watch.start, watch.scale))
        self._record(watch.report(self.scale, self.bench.ledger.overhead))

    @contextmanager
    def _probes(self) -> Generator[None]:
        """Inside, the training does not stand where the run does, and time is the search's."""
        began, self.probing = time.perf_counter(), True
        try:
            yield
        finally:
            self.probing = False
            self.bench.ledger.search_seconds += time.perf_counter() - began

    def _adopt(self, report: Report) -> None:
        if report.scale != self.scale:
            self.segments.append((report.start, report.scale))
        self._record(report)
        self._rest = passed_over(self.reports)

    def _record(self, report: Report) -> None:
        self.scale = report.scale
        self.reports.append(report)
        self._warn_at_bound()
        if self._settings.on_stage is not None:
            self._settings.on_stage(report)

    def _tuner(self) -> Tuner[Any]:
        octaves = self._settings.octaves if self.reports else self._settings.first_octaves
        reach = 2.0**octaves
        return self._settings.search(self.scale / reach, self.scale * reach)

    def _warn_at_bound(self) -> None:
        """A rate that runs away should not do so unseen."""
        last = self.reports[-2:]
        edges = [r.at_edge for r in last]
        if len(edges) == 2 and edges[0] == edges[1] != 0:
            warnings.warn(
                f"AutoLRS: two stages in a row chose the {'highest' if edges[0] > 0 else 'lowest'} "
                f"scale they tried, now {self.scale:.3g}: the base rate is far off",
                UserWarning,
                stacklevel=2,
            )

    # ---- saving and loading -------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Plain values. A stage under way is not among them: it is begun anew."""
        mine = {"stage": self._stage, "rest": self._rest, "raised_from": self._raised_from}
        return super().state_dict() | mine

    @classmethod
    def _read(cls, state_dict: Mapping[str, Any]) -> dict[str, Any]:
        raised_from = state_dict["raised_from"]
        if raised_from is not None:
            number("raised_from", raised_from, low=0, open_low=True)
        counts = {name: whole(name, state_dict[name]) for name in ("stage", "rest")}
        return super()._read(state_dict) | counts | {"raised_from": raised_from}

    def _go_on(self, found: Mapping[str, Any]) -> None:
        super()._go_on(found)
        self.abandon()
        self._stage, self._rest = found["stage"], found["rest"]
        self._raised_from = found["raised_from"]


def improved(
    settings: Settings, base: Schedule, total_steps: int, bench: Bench, scoring: Sequence[Any]
) -> Improved:
    """The improved mode of a run."""
    plan, values = settings.plan(base, total_steps), base.values(total_steps)
    past_peak = int(np.flatnonzero(values == values.max())[-1])
    return Improved(settings, plan, bench, scoring, lambda t: t > past_peak)
