"""A run with a search in it: how it advances, what it found, how it is saved."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Sequence
from typing import Any

from torch import Tensor

from ...schedules import ScheduleLR, Tabulated
from ...schedules._checks import shown
from ...schedules._state import check_keys, reading
from ._bench import Bench
from ._faithful import Faithful
from ._improved import Improved
from ._learned import learned
from ._pilot import Pilot
from ._ranks import Ranks
from ._training import PlainTraining
from .ledger import Ledger
from .report import Report


class SearchedRun:
    """What :class:`AutoLRS` does in either mode, once its constructors have chosen one.

    Attributes:
        total_steps: Updates that the run consists of.
        ledger: What was run and what the search cost.
    """

    def _begin(
        self, training: PlainTraining, scheduler: ScheduleLR, ranks: Ranks, total_steps: int
    ) -> None:
        """Set all but the mode, which needs the bench that is made here."""
        self.total_steps = total_steps
        self.ledger = Ledger()
        self._training = training
        self._bench = Bench(training, Pilot(scheduler), ranks, self.ledger)
        self._mode: Improved | Faithful
        self._advanced = False  # in this process

    # ---- running ------------------------------------------------------------------------

    def train(self, batches: Iterable[Any]) -> Generator[Tensor]:
        """One pass over batches, or less where ``total_steps`` is reached.

        Call it for each epoch. Validate, save or leave the loop between the losses as you like:
        the training then stands where the run does, never inside a probe.

        Yields:
            The loss of each productive update, after it.

        Raises:
            RuntimeError: something else writes the learning rate, such as a scheduler.
        """
        for batch in batches:
            if self.done:
                return
            loss, productive = self._advance(batch)
            if productive:
                yield loss

    @property
    def done(self) -> bool:
        """Whether ``total_steps`` is reached."""
        return self._run >= self.total_steps

    @property
    def _run(self) -> int:
        faithful = isinstance(self._mode, Faithful)
        return self.ledger.productive + (self.ledger.search if faithful else 0)

    def _advance(self, batch: Any) -> tuple[Tensor, bool]:
        began = time.perf_counter()
        if self._advanced and not self._mode.probing:  # who else wrote the rates in between?
            self._bench.pilot.check()
        try:
            self._mode.begin()
            self._mode.saw(batch)
            loss = self._training.update(batch)
            self._advanced = True
            return loss, self._mode.end(loss)
        except BaseException:
            self._mode.abandon()
            raise
        finally:
            self.ledger.seconds += time.perf_counter() - began

    # ---- what it found ------------------------------------------------------------------

    @property
    def scale(self) -> float:
        """The present factor on the base rate."""
        return self._mode.scale

    @property
    def reports(self) -> Sequence[Report]:
        """What each stage found."""
        return tuple(self._mode.reports)

    def schedule(self) -> Tabulated:
        """The multipliers of the base rates that the run was made with, as a schedule.

        At its updates it is exact: ``ScheduleLR(optimizer, tuner.schedule(), n)`` with n the run's
        productive updates runs them again, at no cost of a search. What is still to come of an
        improved run is included at the present factor.
        """
        n = self.ledger.productive if isinstance(self._mode, Faithful) else self.total_steps
        return learned(self._bench.pilot.scheduler, self._mode.segments, max(n, 1))

    # ---- saving and loading -------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The search's state, as plain values; save it beside the model's and the optimizer's.

        A stage under way is not in it: the resumed run begins that stage anew. The position in
        the data is ``ledger.productive`` batches (in the faithful mode those of searches more).

        Raises:
            RuntimeError: inside a probe, where the model is not in a state to be saved.
        """
        if self._mode.probing:
            raise RuntimeError(
                "AutoLRS.state_dict: the training stands inside a probe; save between the losses "
                "that train() yields"
            )
        return {
            "mode": type(self._mode).__name__.lower(),
            "total_steps": self.total_steps,
            "ledger": self.ledger.state_dict(),
            "search": self._mode.state_dict(),
            "scheduler": self._bench.pilot.scheduler.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state, after the model's and the optimizer's were loaded.

        Raises:
            ValueError: it is of another mode or length of run, or damaged. Nothing has been
                changed then.
        """
        mine = {"mode": type(self._mode).__name__.lower(), "total_steps": self.total_steps}
        parts = ("ledger", "search", "scheduler")
        check_keys("AutoLRS", state_dict, mine | dict.fromkeys(parts))
        for key, value in mine.items():
            if state_dict[key] != value:
                raise ValueError(
                    f"state_dict: {key} is {shown(state_dict[key])}, and this run's is {value!r}"
                )
        ledger, search, scheduled = (state_dict[part] for part in parts)
        scheduler = self._bench.pilot.scheduler
        with reading("AutoLRS"):
            Ledger().load_state_dict(ledger)
            self._mode.read(search)
            scheduler.load_state_dict(scheduled)
        self._mode.load_state_dict(search)
        self.ledger.load_state_dict(ledger)
        scheduler.apply()
