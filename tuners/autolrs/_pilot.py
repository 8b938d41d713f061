"""Pilot: writes the learning rates, and sees to it that they stay written."""

from __future__ import annotations

from torch import Tensor
from torch.optim import Optimizer

from ...schedules import ScheduleLR
from ...schedules._entries import Entry

_LR = Entry("lr")


def check_rates(optimizer: Optimizer) -> None:
    """ValueError where a factor on the base rates would change nothing."""
    bases = [float(g.get(_LR.initial, g["lr"])) for g in optimizer.param_groups]
    if not any(bases):
        raise ValueError(f"optimizer: its rates are {bases}; expected one that is not 0")


class Pilot:
    """Sets position and scale of a ScheduleLR in one go: rate = base rate x scale x base(t).

    Args:
        scheduler: Of the optimizer that is tuned; its base schedule runs over the whole training.
    """

    def __init__(self, scheduler: ScheduleLR) -> None:
        self.scheduler = scheduler

    def write(self, position: int, scale: float) -> None:
        """Write the rates of an update at this position, and read them back.

        Raises:
            RuntimeError: they cannot be written.
        """
        self.scheduler._scale = scale
        self.scheduler.position = position  # applies
        self.check()

    def check(self) -> None:
        """Raise where the groups do not hold what was written; rates on a device are not read."""
        groups = self.scheduler.optimizer.param_groups
        if any(isinstance(g["lr"], Tensor) and g["lr"].device.type != "cpu" for g in groups):
            return
        written = self.scheduler.get_last_lr()
        if not _LR.holds(groups, written):
            raise RuntimeError(
                f"learning rate: AutoLRS wrote {written} and the optimizer holds "
                f"{_LR.read(groups)}; drop the scheduler that writes it (pass its shape as base=)"
            )
