"""AutoLRSCallback: the improved mode in a Lightning Trainer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Unpack

from ...schedules import Linear, Schedule, ScheduleLR, Tabulated
from ...schedules._lightning import Callback
from ...schedules._state import check_keys
from ...schedules.lightning import ScheduleCallback
from ._bench import Bench
from ._improved import Improved, improved
from ._improved_settings import Options, Settings
from ._learned import learned
from ._lightning import LightningTraining, Score, loss_of
from ._pilot import Pilot, check_rates
from ._ranks import Ranks
from ._scoring import scoring_batches
from ._snapshot_random import RandomState
from .ledger import Ledger
from .report import Report


class AutoLRSCallback(Callback):
    """Searches a factor on a base schedule while a Trainer fits; see :class:`AutoLRS`.

    For any module with automatic optimization and one optimizer, whose ``configure_optimizers``
    returns the optimizer alone: the callback registers the base schedule as a
    :class:`ScheduleLR`. The Trainer goes on at the present factor while a stage is recorded;
    then the others are tried beside it, on the batches it has just trained on. Its counters,
    callbacks, loggers and checkpoints see the run alone: if another factor wins, weights and
    optimizer become those that this factor leads to at the same update.

    It is saved in checkpoints. A run that was killed goes on from its last checkpoint; where that
    was written while a stage was recorded, the stage begins anew. Where the Trainer runs on several
    ranks they agree on every factor. A further fit of the same Trainer goes on at the factor found;
    one that begins at update 0 is another run.

    Callbacks that average weights see, for a stage whose factor changes, the averages of the run
    before the change; give such averages as ``state`` where that matters.

    Args:
        base: The base schedule; linear decay to zero by default.
        total_steps: Updates of the run; by default the Trainer is asked.
        held_out: Batches (a DataLoader, say) to score on, not those that the result is reported
            on; the first ``scored`` are used. By default training batches seen before.
        score: ``score(module, batch)``, the loss to compare factors by, in evaluation mode; that
            of ``training_step`` by default.
        state: What else changes while training and is not in the module.
        **options: See :class:`Options`.

    Attributes:
        ledger: What was run and what the search cost.

    Raises:
        ValueError: when fit starts: manual optimization, several optimizers, an optimizer that
            has a scheduler already, a horizon that cannot be told, too few batches to score on,
            StochasticWeightAveraging beside it.
        AllDiverged: while training, as :class:`AutoLRS`.

    Example:
        >>> from lightning import Trainer
        >>> trainer = Trainer(max_epochs=3, callbacks=[AutoLRSCallback(overhead=0.05)],
        ...                   logger=False, enable_checkpointing=False)
    """

    def __init__(
        self,
        base: Schedule | None = None,
        total_steps: int | None = None,
        *,
        held_out: Iterable[Any] | None = None,
        score: Score | None = None,
        state: Sequence[Any] = (),
        **options: Unpack[Options],
    ) -> None:
        self.base = Linear() if base is None else base
        self._schedule = ScheduleCallback(self.base, total_steps)
        self._settings = Settings(**options)
        self._held_out, self._score, self._state = held_out, score, state
        self.ledger = Ledger()
        self._mode: Improved | None = None
        self._loaded: dict[str, Any] | None = None
        self._update_begins, self._began = True, 0.0

    # ---- hooks --------------------------------------------------------------------------

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Register the base schedule, before a checkpoint's state is loaded into it."""
        if not pl_module.automatic_optimization or len(trainer.optimizers) != 1:
            raise ValueError(
                f"AutoLRSCallback: automatic_optimization={pl_module.automatic_optimization}, "
                f"{len(trainer.optimizers)} optimizer(s): expected automatic optimization of one; "
                "for other loops there is AutoLRS(model, optimizer, loss, ...)"
            )
        if trainer.strategy.handles_gradient_accumulation:
            raise ValueError(
                f"AutoLRSCallback: {type(trainer.strategy).__name__} makes updates by itself, and "
                "they cannot be tried beside the run"
            )
        if any(map(_takes_the_rate, trainer.callbacks)):
            raise ValueError(
                "AutoLRSCallback: StochasticWeightAveraging takes over the learning rate at its "
                "swa_epoch_start, in the middle of a search; use it in a run of schedule()"
            )
        check_rates(trainer.optimizers[0])
        self._schedule.on_fit_start(trainer, pl_module)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Plan the stages: the position is restored by now."""
        (config,) = trainer.lr_scheduler_configs
        scheduler: ScheduleLR = config.scheduler
        if not scheduler.budget.counts_updates:
            raise ValueError(
                f"AutoLRSCallback: total_steps=None: the run is measured in "
                f"{scheduler.budget.unit}; give the number of updates"
            )
        saved = self._loaded if self._mode is None else self._mode.state_dict()
        if saved is None or trainer.global_step == 0:  # a new run, or one in progress
            saved, self.ledger = None, Ledger(productive=trainer.global_step)
        training = LightningTraining(trainer, pl_module, self._score, self._state)
        bench = Bench(training, Pilot(scheduler), Ranks(), self.ledger)
        total = int(scheduler.budget.total)
        mode = improved(self._settings, self.base, total, bench, self._scoring(training))
        if saved is not None:
            mode.load_state_dict(saved)
        self._mode, self._loaded, self._update_begins = mode, None, True

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write the rates, and record the batch where a stage is under way."""
        del trainer, pl_module
        assert self._mode is not None
        if self._update_begins:
            self._began = time.perf_counter()
            self._mode.begin()
            self._update_begins = False
        self._mode.saw((batch, batch_idx))

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After the last batch of an update, try the other factors if the recording is full."""
        del batch, batch_idx
        assert self._mode is not None
        if trainer.fit_loop._should_accumulate():
            return
        self._update_begins = True
        stages = len(self._mode.reports)
        self._mode.end(loss_of(outputs) if self._mode.recording else outputs)
        self.ledger.seconds += time.perf_counter() - self._began
        if len(self._mode.reports) > stages:
            values = {"autolrs/scale": self.scale, "autolrs/overhead": self.ledger.overhead}
            pl_module.log_dict(values, rank_zero_only=True)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Let go of a stage that the run's end cut off."""
        del trainer, pl_module
        if self._mode is not None:
            self._mode.abandon()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Likewise; inside a probe the run's own state is back already."""
        del exception
        self.on_train_end(trainer, pl_module)

    # ---- what it found ------------------------------------------------------------------

    @property
    def scale(self) -> float:
        """The present factor on the base rate."""
        return 1.0 if self._mode is None else self._mode.scale

    @property
    def between_stages(self) -> bool:
        """Whether no stage is recorded now: a run that resumes from here is the same run."""
        return self._mode is None or not self._mode.staging

    @property
    def reports(self) -> Sequence[Report]:
        """What each stage found."""
        return () if self._mode is None else tuple(self._mode.reports)

    def schedule(self) -> Tabulated:
        """The multipliers of the base rates, as a schedule for a later run.

        Raises:
            RuntimeError: before a fit.
        """
        if self._mode is None:
            raise RuntimeError("AutoLRSCallback.schedule: there was no fit yet")
        scheduler = self._mode.bench.pilot.scheduler
        return learned(scheduler, self._mode.segments, int(scheduler.budget.total))

    # ---- saving and loading -------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The search's state, as plain values, for the Trainer's checkpoint."""
        search = self._loaded if self._mode is None else self._mode.state_dict()
        return {"ledger": self.ledger.state_dict(), "search": search}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint; ValueError, with nothing changed, where it holds no search."""
        check_keys("AutoLRSCallback", state_dict, self.state_dict())
        ledger, search = Ledger(), state_dict["search"]
        ledger.load_state_dict(state_dict["ledger"])
        if search is not None:  # saved before training began
            Improved.read(search)
        self.ledger, self._mode, self._loaded = ledger, None, search

    def _scoring(self, training: LightningTraining) -> list[Any]:
        if self._held_out is None:
            return []
        random = RandomState()
        found = scoring_batches(self._held_out, self._settings.scored)
        moved = [(training.to_device(batch), i) for i, batch in enumerate(found)]
        random.restore()
        return moved


def _takes_the_rate(callback: Any) -> bool:
    """Whether it is Lightning's StochasticWeightAveraging, of either package."""
    return any(kind.__name__ == "StochasticWeightAveraging" for kind in type(callback).__mro__)
