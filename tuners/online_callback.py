"""OnlineRefinementCallback: online refinement in a Lightning Trainer."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

from ..schedules import Budget, Linear, ScheduleCallback
from ..schedules._checks import number
from ..schedules.refinement.lightning import has_gradients, scaler_still_in, sharding_group
from ..schedules.refinement.norms import Norm, check_norm
from .online_refinement import OnlineRefinement


class OnlineRefinementCallback(ScheduleCallback):
    """Gives the module's optimizers an :class:`OnlineRefinement` each, and records their norms.

    Everything else is as for :class:`~ritard.schedules.ScheduleCallback`. Norms are those of
    :class:`~ritard.schedules.GradNormCallback`: once per update, also under gradient accumulation
    and manual optimization; unscaled under AMP, before the Trainer's clipping.

    Args:
        smoothing: As for :class:`OnlineRefinement`.
        norm: ``"l1"`` or ``"l2"``; by default l1 for the Adam family, l2 for others.
        total_steps: As for ScheduleCallback, in steps or epochs.
        optimizer: Index of the one optimizer to drive; all by default.

    Raises:
        TypeError, ValueError: a smoothing, norm, horizon or index that cannot be.
        ValueError: when fit starts, as ScheduleCallback and OnlineRefinement do, and for a
            Trainer whose horizon is ``max_time`` alone.

    Example:
        >>> from lightning import Trainer
        >>> trainer = Trainer(max_epochs=3, callbacks=[OnlineRefinementCallback()],
        ...                   logger=False, enable_checkpointing=False)
    """

    def __init__(
        self,
        smoothing: float = 0.1,
        norm: Norm | None = None,
        total_steps: int | Budget | None = None,
        optimizer: int | None = None,
    ) -> None:
        super().__init__(Linear(), total_steps, optimizer)
        self.smoothing = number("smoothing", smoothing, low=0, high=1, open_low=True)
        if norm is not None:
            check_norm(norm)
        self.norm: Norm | None = norm

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Optimizer) -> None:
        """Record: Lightning calls this after unscaling and before clipping."""
        del pl_module
        sharded = sharding_group(trainer) is not None
        for scheduler in self._schedulers(trainer):
            if not isinstance(scheduler, OnlineRefinement) or scheduler.optimizer is not optimizer:
                continue
            # A shard may be empty, but its process must take part.
            if sharded or has_gradients(optimizer):
                scheduler.record(scaler_still_in(trainer, optimizer))

    def _scheduler(self, trainer: Any, optimizer: Optimizer, budget: Budget) -> OnlineRefinement:
        group = sharding_group(trainer)
        return OnlineRefinement(optimizer, budget, self.smoothing, self.norm, group=group)
