"""ScheduleCallback: schedules in a Lightning Trainer."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from ._checks import whole
from ._drive import PerGroup, check_schedules, checked_drives
from ._lightning import Callback
from .budget import Budget
from .lr import ScheduleLR


class ScheduleCallback(Callback):
    """Gives the module's optimizers a :class:`ScheduleLR` that the Trainer runs and saves.

    The Trainer treats it as a scheduler of its own: stepped once per optimizer update (also
    under gradient accumulation), saved in checkpoints, restored by ``fit(ckpt_path=...)``, shown
    by ``LearningRateMonitor``. The module's ``configure_optimizers`` returns optimizers alone.

    Under manual optimization (the only way to have several optimizers) the Trainer steps no
    scheduler and cannot know how often you step an optimizer: give ``total_steps``, and call
    ``self.lr_schedulers().step()`` (each of the list, for several) after ``optimizer.step()``.

    Args:
        schedule: What :class:`ScheduleLR` takes: a schedule, a list, or a dict from entries.
        total_steps: Updates of the run, or a Budget. By default the Trainer is asked: its
            ``max_steps`` and ``max_epochs``, or, where neither is set, ``max_time``.
        optimizer: Index of the one optimizer to drive; all by default. Use two callbacks to give
            two optimizers different schedules.

    Raises:
        TypeError, ValueError: what is no schedule, horizon or index.
        ValueError: when fit starts, where the optimizer has a scheduler already, or the horizon
            cannot be told and ``total_steps`` is not given.

    Example:
        >>> from lightning import Trainer
        >>> from ritard.schedules import REX
        >>> trainer = Trainer(max_epochs=3, callbacks=[ScheduleCallback(REX().warmup(0.05))],
        ...                   logger=False, enable_checkpointing=False)
    """

    def __init__(
        self,
        schedule: PerGroup | Mapping[str, PerGroup],
        total_steps: int | Budget | None = None,
        optimizer: int | None = None,
    ) -> None:
        check_schedules(schedule)
        self.schedule = schedule
        self.total_steps = None if total_steps is None else Budget.of(total_steps)
        self.optimizer = None if optimizer is None else whole("optimizer", optimizer)

    @property
    def state_key(self) -> str:
        """One for each driven optimizer, so that several callbacks may stand side by side."""
        return f"{type(self).__qualname__}[optimizer={self.optimizer}]"

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Register the schedulers: optimizers exist by now, checkpoints are restored after."""
        chosen = self._chosen(trainer.optimizers)
        taken = {id(config.scheduler.optimizer) for config in trainer.lr_scheduler_configs}
        if any(id(optimizer) in taken for optimizer in chosen.values()):
            raise ValueError(
                "ScheduleCallback: the optimizer has a scheduler already; return optimizers "
                "alone from configure_optimizers (or drop the callback)"
            )
        budget = self.total_steps or _horizon(trainer, pl_module)
        for candidate in chosen.values():
            checked_drives(candidate, self.schedule, budget)
        schedulers = {i: self._scheduler(trainer, found, budget) for i, found in chosen.items()}
        for i, scheduler in schedulers.items():
            trainer.strategy.lr_scheduler_configs.append(_config(trainer, scheduler, i))

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Take the run's position where no saved state brought it, as in a second fit."""
        if not pl_module.automatic_optimization:
            return
        for scheduler in self._schedulers(trainer):
            if scheduler.budget.counts_updates and scheduler.position == 0:
                scheduler.position = trainer.global_step

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Give groups that came late their rate; under seconds, agree on the time.

        All processes run by the clock of the first: replicas must not differ.
        """
        del pl_module, batch, batch_idx
        for scheduler in self._schedulers(trainer):
            if trainer.world_size > 1 and scheduler.budget.unit == "seconds":
                scheduler.position = trainer.strategy.broadcast(scheduler.elapsed)
            elif _has_late_group(scheduler):
                scheduler.apply()

    def _scheduler(self, trainer: Any, optimizer: Optimizer, budget: Budget) -> ScheduleLR:
        """What drives an optimizer."""
        del trainer
        return ScheduleLR(optimizer, self.schedule, budget)

    def _schedulers(self, trainer: Any) -> list[ScheduleLR]:
        chosen = {id(optimizer) for optimizer in self._chosen(trainer.optimizers).values()}
        every = [config.scheduler for config in trainer.lr_scheduler_configs]
        return [s for s in every if isinstance(s, ScheduleLR) and id(s.optimizer) in chosen]

    def _chosen(self, optimizers: list[Optimizer]) -> dict[int, Optimizer]:
        found = dict(enumerate(optimizers))
        if self.optimizer is None:
            return found
        if self.optimizer not in found:
            raise ValueError(
                f"optimizer={self.optimizer!r}: the module has {len(found)}; "
                f"expected one of {list(found)}"
            )
        return {self.optimizer: found[self.optimizer]}


def _has_late_group(scheduler: ScheduleLR) -> bool:
    """Whether a parameter group came since the last rates were written."""
    bases = [drive.entry.initial for drive in scheduler._drives]
    return any(base not in group for group in scheduler.optimizer.param_groups for base in bases)


def _horizon(trainer: Any, pl_module: Any) -> Budget:
    """The length of the run, as the Trainer knows it."""
    if not pl_module.automatic_optimization:
        raise ValueError(
            "ScheduleCallback: total_steps=None: under manual optimization the Trainer cannot "
            "tell how many updates there will be; give total_steps"
        )
    steps = _updates(trainer)
    if 0 < steps < float("inf"):
        return Budget.steps(int(steps))
    for callback in trainer.callbacks:
        remaining = getattr(callback, "time_remaining", lambda: None)()
        if remaining is not None:  # a Timer: Trainer(max_time=...)
            return Budget.seconds(remaining + callback.time_elapsed())
    raise ValueError(
        f"ScheduleCallback: total_steps=None: the Trainer cannot tell the horizon (max_steps="
        f"{trainer.max_steps}, max_epochs={trainer.max_epochs}, no max_time, or a dataset without "
        "a length); give total_steps"
    )


def _updates(trainer: Any) -> float:
    """Optimizer updates of the whole run; inf or below 1 where the Trainer cannot tell."""
    steps: float = trainer.estimated_stepping_batches
    plans = [c for c in trainer.callbacks if hasattr(c, "get_accumulate_grad_batches")]
    batches, epochs = trainer.num_training_batches, trainer.max_epochs
    if not plans or epochs == -1 or batches == float("inf"):
        return steps
    # The Trainer's estimate takes the accumulation of the first epoch for all.
    planned = sum(
        math.ceil(batches / plans[-1].get_accumulate_grad_batches(epoch)) for epoch in range(epochs)
    )
    return planned if trainer.max_steps == -1 else min(planned, trainer.max_steps)


def _config(trainer: Any, scheduler: ScheduleLR, index: int) -> Any:
    """The Trainer's record of a scheduler, from the package that the Trainer comes from."""
    known = ("lightning.pytorch.trainer.trainer", "pytorch_lightning.trainer.trainer")
    home = next(cls.__module__ for cls in type(trainer).__mro__ if cls.__module__ in known)
    package = home.removesuffix(".trainer.trainer")
    types = importlib.import_module(f"{package}.utilities.types")
    name = None if index == 0 else f"schedule-{index}"
    return types.LRSchedulerConfig(scheduler, interval="step", frequency=1, name=name)
