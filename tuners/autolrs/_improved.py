"""The improved mode: when the run is recorded, and when it is searched."""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from torch import Tensor

from ...schedules import Schedule
from ...schedules._checks import number, whole
from ..tuner import Tuner
from ._bench import Bench
from ._recording import Recording
from ._replay_batch import shallow
from ._stage import AllDiverged, Stage
from .even import Even
from .plan import Plan, ProbeShape
from .report import Report
from .snapshot import Snapshot

Search = Callable[[float, float], Tuner[Any]]
"""Makes a tuner that proposes scales in an interval."""


class Options(TypedDict, total=False):
    """How :class:`AutoLRS` and :class:`AutoLRSCallback` search; all are optional.

    Attributes:
        overhead: What the search may cost, as a part of ``total_steps``, scoring included: a
            cap that is never passed. 0.1.
        stages: Into how many parts the run is cut, each of which may begin with a search. By
            default 8, or as many as leave probes of 20 updates.
        candidates: Scales tried in a stage, the present one among them, >= 2. 5.
        first_octaves: How far the first stage looks up and down, in factors of 2. 4.
        octaves: Likewise for the stages after it. 2.
        scored: Batches on which a scale is scored, >= 2. 8.
        hold: Part of a probe at its scale; over the rest the rate falls to zero. 0.6.
        tail: Part of the run at its end that is not searched. 0.2.
        switching_cost: What a change must gain beyond its standard error, in units of the
            loss. 0.
        search: Makes a tuner that proposes scales between two given ones, numbers or with their
            ``value``, and is told how much worse they score than the present one. By default they
            lie at equal ratios; :class:`RateSearch` is another choice, and so is any Optuna
            sampler, by ``ritard.tuners.bandits.OptunaTuner``.
        on_stage: Called with the :class:`Report` of each stage.
    """

    overhead: float
    stages: int | None
    candidates: int
    first_octaves: float
    octaves: float
    scored: int
    hold: float
    tail: float
    switching_cost: float
    search: Search | None
    on_stage: Callable[[Report], Any] | None


@dataclass(frozen=True)
class Settings:
    """The options, with their defaults, checked."""

    overhead: float = 0.1
    stages: int | None = None
    candidates: int = 5
    first_octaves: float = 4.0
    octaves: float = 2.0
    scored: int = 8
    hold: float = 0.6
    tail: float = 0.2
    switching_cost: float = 0.0
    search: Search | None = None
    on_stage: Callable[[Report], Any] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be (TypeError, ValueError)."""
        number("overhead", self.overhead, low=0)
        if self.stages is not None:
            whole("stages", self.stages, low=1)
        whole("candidates", self.candidates, low=2)
        number("first_octaves", self.first_octaves, low=0, open_low=True)
        number("octaves", self.octaves, low=0, open_low=True)
        whole("scored", self.scored, low=2)
        number("hold", self.hold, low=0, high=1, open_low=True, open_high=True)
        number("tail", self.tail, low=0, high=1, open_high=True)
        number("switching_cost", self.switching_cost, low=0)

    def plan(self, base: Schedule, total_steps: int) -> Plan:
        """The stages of a run: they begin where the base schedule first reaches half its peak."""
        values = base.values(total_steps)
        first = int(np.argmax(values >= 0.5 * values.max()))
        shape = ProbeShape(self.candidates, self.scored, self.hold)
        return Plan.of(total_steps, first, self.overhead, self.tail, self.stages, shape)


class Improved:
    """The state of the improved mode. Each update is framed by begin, saw and end.

    Attributes:
        bench: Where candidates are tried.
        scale: Present factor of the base schedule.
        segments: (update, scale) from which on each scale held.
        reports: Of the stages so far.
    """

    probing = False

    def __init__(
        self, settings: Settings, plan: Plan, bench: Bench, held_out: Sequence[Any]
    ) -> None:
        self._settings, self._plan = settings, plan
        self.bench, self._held_out = bench, held_out
        self._recent = deque[Any](maxlen=settings.scored)
        self.scale = 1.0
        self.segments: list[tuple[int, float]] = [(0, 1.0)]
        self.reports: list[Report] = []
        self._stage = 0
        self._recording: Recording | None = None
        self._origin: Snapshot | None = None
        self._hold_end: Snapshot | None = None

    @property
    def recording(self) -> bool:
        """Whether a stage is under way: the run goes on at the present scale, and is recorded."""
        return self._recording is not None

    def begin(self) -> None:
        """Before an update: begin to record where a stage is due, and write the rates."""
        t = self.bench.ledger.productive
        starts = self._plan.starts
        if self._recording is None and self._stage < len(starts) and t >= starts[self._stage]:
            self._open(t)
        self.bench.pilot.write(t, self.scale)

    def saw(self, batch: Any) -> None:
        """A batch is about to be trained on (several in an update that accumulates)."""
        if self._recording is not None:
            self._recording.add(batch)
        elif not self._held_out and self._stage < len(self._plan.starts):
            self._recent.append(shallow(batch))

    def end(self, loss: Tensor) -> bool:
        """After an update; searches when the recording is complete. True: it was productive."""
        self.bench.pilot.check()
        self.bench.ledger.productive += 1
        if self._recording is not None:
            self._recording.close(loss)
            if len(self._recording) == self._held:
                self._hold_end = self.bench.snapshot()
            if len(self._recording) == self._recording.length:
                self._run_stage()
        # As a scheduler would, it stands at the next update's rates: this is what is saved.
        self.bench.pilot.write(self.bench.ledger.productive, self.scale)
        return True

    def abandon(self) -> None:
        """Leave the stage under way, if any; the run itself is as it would be without it."""
        self._recording = self._origin = self._hold_end = None

    # ---- a stage ------------------------------------------------------------------------

    def _open(self, t: int) -> None:
        """Begin to record, or wait for batches to score on, or go without this stage."""
        if not self._held_out and len(self._recent) < (self._recent.maxlen or 0):
            return
        plan = self._plan
        while self._stage + 1 < len(plan.starts) and t >= plan.starts[self._stage + 1]:
            self._stage += 1  # a resumed run has passed them
        length = plan.probe(self._stage, t, self.bench.ledger.spent)
        if length == 0:
            self._stage += 1
            return
        self._origin = self.bench.snapshot()
        self._recording = Recording(length)
        self._held = plan.shape.held(length)
        self._start = t

    def _run_stage(self) -> None:
        began, ledger = time.perf_counter(), self.bench.ledger
        recording, origin, hold_end = self._recording, self._origin, self._hold_end
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
        before = self.reports[-1].trials if self.reports else ()
        spare = plan.allowance - ledger.spent - plan.shape.cost(recording.length)
        others = plan.shape.candidates - 1
        tuner = self._tuner(others)
        self.probing = True
        try:
            decision, trials = stage.run(tuner, others, before, cost, spare)
        except AllDiverged:  # the run is back at the stage's beginning
            ledger.search += ledger.productive - self._start
            ledger.productive = self._start
            raise
        finally:
            self.probing = False
            ledger.search_seconds += time.perf_counter() - began
        found = (tuple(trials), self.scale, decision.scale, decision.gain, decision.error)
        self._adopt(Report(self._start, recording.length, *found, ledger.overhead))

    def _adopt(self, report: Report) -> None:
        if report.scale != self.scale:
            self.scale = report.scale
            self.segments.append((report.start, report.scale))
        self.reports.append(report)
        self._warn_at_bound()
        if self._settings.on_stage is not None:
            self._settings.on_stage(report)

    def _tuner(self, count: int) -> Tuner[Any]:
        octaves = self._settings.octaves if self.reports else self._settings.first_octaves
        if len(self.reports) > 1 and self.reports[-1].at_edge:
            octaves *= 2.0  # the optimum lay beyond the last interval
        reach = 2.0**octaves
        low, high = self.scale / reach, self.scale * reach
        if self._settings.search is not None:
            return self._settings.search(low, high)
        return Even(low, high, count)

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
        return {
            "scale": self.scale,
            "segments": [list(segment) for segment in self.segments],
            "stage": self._stage,
            "reports": [report.to_dict() for report in self.reports],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.abandon()
        self.scale, self._stage = state_dict["scale"], state_dict["stage"]
        self.segments = [(int(t), float(scale)) for t, scale in state_dict["segments"]]
        self.reports = [Report.from_dict(report) for report in state_dict["reports"]]
