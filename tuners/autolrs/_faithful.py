"""The faithful mode: AutoLRS as published and released, without its defects."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...schedules._checks import number, shown, whole
from ._bench import Bench
from ._faithful_settings import FaithfulSettings
from ._mode import Mode
from ._outlook import Outlook
from ._recording import Recording
from ._stage import AllDiverged
from .decision import Trial
from .report import Report
from .search import RateSearch
from .snapshot import Snapshot


class Faithful(Mode):
    """The state of the faithful mode. Each update is framed by begin, saw and end.

    Attributes:
        scale: Rate of the first group over its base rate, of the last stage.
    """

    def __init__(
        self, settings: FaithfulSettings, total_steps: int, bench: Bench, base_lr: float
    ) -> None:
        self._settings, self._total, self._bench = settings, total_steps, bench
        self._base_lr = base_lr
        steps = settings.warmup_steps
        warm = settings.warmup_lr / base_lr if steps else 1.0
        super().__init__(warm, [(t, warm * (t + 1) / steps) for t in range(steps)] or [(0, warm)])
        self._tau = settings.tau0
        self._outlook = Outlook(settings, bench)
        self._left = 0  # of the productive updates of the present stage
        self._search: RateSearch | None = None
        self._origin: Snapshot | None = None

    @property
    def probing(self) -> bool:
        """Whether the training stands inside a probe."""
        return self._search is not None

    @property
    def window(self) -> int:
        """Updates of a probe, tau'."""
        return max(1, round(self._settings.ratio * self._tau))

    def begin(self) -> None:
        """Before an update: begin a stage where the last is done, and write the rates."""
        ledger = self._bench.ledger
        warm = ledger.productive < self._settings.warmup_steps
        run = ledger.productive + ledger.search
        if not (self._search or warm or self._left) and self._fits(self._total - run):
            self._open()
        if self._search is not None:
            scale = self._rate / self._base_lr
        else:
            scale = self.segments[ledger.productive][1] if warm else self.scale
        self._bench.pilot.write(ledger.productive, scale)

    def saw(self, batch: Any) -> None:
        """A batch is about to be trained on."""
        if self._search is not None and self._settings.replay:
            self._recording.add(batch)

    def end(self, loss: Tensor) -> bool:
        """After an update. True: it was productive, and no search has begun."""
        self._bench.pilot.check()
        ledger = self._bench.ledger
        if self._search is None:
            ledger.productive += 1
            self._left = max(0, self._left - 1)
            return True
        ledger.search += 1
        self._outlook.observe(loss)
        if self._settings.replay:
            self._recording.close(loss)
        if len(self._outlook) == self.window:
            self._conclude_candidate()
        return False

    def abandon(self) -> None:
        """Leave the search under way: the training goes back to its origin."""
        if self._origin is not None and self._search is not None:
            self._origin.restore()
            self._bench.pilot.write(self._bench.ledger.productive, self.scale)
        self._search = self._origin = None

    # ---- a stage ------------------------------------------------------------------------

    def _fits(self, left: int) -> bool:
        return left >= self._settings.k * self.window + self._tau

    def _open(self) -> None:
        s, number = self._settings, len(self.reports)
        self._began = time.perf_counter()
        self._origin = self._bench.snapshot()
        self._search = RateSearch(s.lr_min, s.lr_max, grid=1, kappa=s.kappa, seed=s.seed + number)
        self._tried: list[tuple[float, float]] = []
        self._recording = Recording(self.window)
        self._next_candidate()

    def _next_candidate(self) -> None:
        assert self._search is not None
        number = len(self.reports) + len(self._tried) / 1000
        mine = self._search.ask()  # all ranks ask: they are told the same
        (self._rate,) = self._bench.ranks.decide([mine], number)
        self._outlook.begin(self.window)

    def _conclude_candidate(self) -> None:
        assert self._search is not None and self._origin is not None
        cost = self._outlook.predicted(self._tau)
        self._tried.append((self._rate, cost))
        self._search.tell(self._rate, cost)
        self._origin.restore()
        if len(self._tried) < self._settings.k:
            self._next_candidate()
            self._bench.pilot.write(self._bench.ledger.productive, self._rate / self._base_lr)
            if self._settings.replay:
                self._replay_candidate()
        else:
            self._choose()

    def _replay_candidate(self) -> None:
        """Run a candidate on the first one's batches, and the ones after it."""
        for i in range(self.window):
            self._outlook.observe(self._replayed(i, self._rate / self._base_lr))
        self._conclude_candidate()

    def _choose(self) -> None:
        """The tried rate of the least forecast; the stage's productive updates come next."""
        finite = [(cost, rate) for rate, cost in self._tried if math.isfinite(cost)]
        ledger, t = self._bench.ledger, self._bench.ledger.productive
        best, rate = min(finite, default=(math.nan, math.nan))
        rate, best = self._bench.ranks.decide([rate, best], len(self.reports) + 0.5)
        self._search = None
        self._bench.pilot.write(t, self.scale)
        ledger.search_seconds += time.perf_counter() - self._began
        if math.isnan(rate):
            raise AllDiverged(
                f"AutoLRS: at update {t} all {self._settings.k} rates tried diverged; the training "
                "was put back there"
            )
        before, self.scale = self.scale, rate / self._base_lr
        self.segments.append((t, self.scale))
        trials = tuple(
            Trial(r / self._base_lr, cost, cost - best, math.nan) for r, cost in self._tried
        )
        self._left = self._tau
        self._report(
            Report(t, self.window, trials, before, self.scale, math.nan, math.nan, ledger.overhead)
        )
        if self._settings.replay:
            self._replay_winner()
        self._origin = None
        self._grow()

    def _replay_winner(self) -> None:
        """With replay the stream is past the probe: the winner first trains on its batches."""
        ledger = self._bench.ledger
        for i in range(min(self.window, self._left)):
            self._replayed(i, self.scale)
            ledger.search -= 1
            ledger.productive += 1
            self._left -= 1

    def _replayed(self, i: int, scale: float) -> Tensor:
        """The loss of an update on the recording's batch ``i``; the base rate is constant."""
        start = self._bench.ledger.productive - i
        (loss,) = self._bench.replay(self._recording, range(i, i + 1), start, lambda _: scale)
        return loss

    def _grow(self) -> None:
        """Longer stages, and after the first of the longest, validation losses."""
        if self._tau < self._settings.tau_max:
            self._tau = min(2 * self._tau, self._settings.tau_max)
        elif self._settings.val_fn is not None:
            self._outlook.on_validation = True

    def _report(self, report: Report) -> None:
        self.reports.append(report)
        last = [r.scale * self._base_lr for r in self.reports[-2:]]
        for bound in (self._settings.lr_min, self._settings.lr_max):
            if len(last) == 2 and all(math.isclose(rate, bound) for rate in last):
                warnings.warn(
                    f"AutoLRS: two stages in a row chose {bound:g}, an end of the interval; "
                    "consider to widen it",
                    UserWarning,
                    stacklevel=2,
                )
        if self._settings.on_stage is not None:
            self._settings.on_stage(report)

    # ---- saving and loading -------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Plain values; only outside a search."""
        return super().state_dict() | {
            "tau": self._tau,
            "on_validation": self._outlook.on_validation,
            "first_validation": self._outlook.first_validation,
            "left": self._left,
        }

    @classmethod
    def _read(cls, state_dict: Mapping[str, Any]) -> dict[str, Any]:
        first, on_validation = state_dict["first_validation"], state_dict["on_validation"]
        if first is not None:
            number("first_validation", first)
        if not isinstance(on_validation, bool):
            raise TypeError(f"on_validation={shown(on_validation)}: expected a bool")
        return super()._read(state_dict) | {
            "tau": whole("tau", state_dict["tau"], low=1),
            "on_validation": on_validation,
            "first_validation": first,
            "left": whole("left", state_dict["left"]),
        }

    def _go_on(self, found: Mapping[str, Any]) -> None:
        super()._go_on(found)
        self._search = self._origin = None
        self._tau, self._left = found["tau"], found["left"]
        self._outlook.on_validation = found["on_validation"]
        self._outlook.first_validation = found["first_validation"]
