"""Pilot: writes the learning rates, and sees to it that they stay written."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ...schedules import ScheduleLR
from ...schedules._entries import Entry

_LR = Entry("lr")


class Pilot:
    """Sets position and scale of a ScheduleLR in one go: rate = base rate x scale x base(t).

    Args:
        scheduler: Of the optimizer that is tuned; its base schedule runs over the whole training.
    """

    def __init__(self, scheduler: ScheduleLR) -> None:
        self.scheduler = scheduler
        self._written = scheduler.get_last_lr()

    def set(self, position: int, scale: float) -> None:
        """Write the rates of an update at this position, and read them back.

        Raises:
            RuntimeError: the rates written for the last update were changed since, or these
                cannot be written.
        """
        self.check()
        self.write(position, scale)

    def write(self, position: int, scale: float) -> None:
        """Likewise, after a restore: whatever the groups hold is not what was written last."""
        self.scheduler._scale = scale
        self.scheduler.position = position  # applies
        self._written = self.scheduler.get_last_lr()
        self.check()

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a scheduler's saved state; the rates of its position are written."""
        self.scheduler.load_state_dict(state)
        self.scheduler.apply()
        self._written = self.scheduler.get_last_lr()

    def check(self) -> None:
        """Raise where the groups do not hold what was written; rates on a device are not read."""
        groups = self.scheduler.optimizer.param_groups
        if any(isinstance(g["lr"], Tensor) and g["lr"].device.type != "cpu" for g in groups):
            return
        if not _LR.holds(groups, self._written):
            raise RuntimeError(
                f"learning rate: AutoLRS wrote {self._written} and the optimizer holds "
                f"{_LR.read(groups)}; drop the scheduler that writes it (pass its shape as base=)"
            )
