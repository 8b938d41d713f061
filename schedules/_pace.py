"""Whether a Trainer steps a scheduler as often as its budget counts."""

from __future__ import annotations

from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .lr import ScheduleLR


def too_slow(scheduler: ScheduleLR, caller: FrameType) -> str | None:
    """What to say where a Trainer steps by the epoch a scheduler whose budget counts updates.

    A scheduler cannot know who steps it, and many updates between two steps may be just what a
    horizon in epochs wants. So it asks the LightningModule whose ``lr_scheduler_step`` is
    calling, and speaks only where its horizon is exactly the Trainer's number of updates.

    Args:
        scheduler: After a step.
        caller: The frame that called ``step()``.
    """
    if caller.f_code.co_name != "lr_scheduler_step":
        return None
    trainer: Any = getattr(caller.f_locals.get("self"), "trainer", None)
    for config in getattr(trainer, "lr_scheduler_configs", ()):
        total, behind = scheduler.budget.total, trainer.global_step > scheduler.last_epoch
        by_epoch = config.scheduler is scheduler and config.interval == "epoch"
        if by_epoch and behind and total == trainer.estimated_stepping_batches:
            return (
                f"ScheduleLR: the run's {total:g} updates are its total_steps, but the Trainer "
                "steps it by the epoch: it will hardly decay. Use ScheduleCallback, or return "
                '{"scheduler": scheduler, "interval": "step"} from configure_optimizers.'
            )
    return None
