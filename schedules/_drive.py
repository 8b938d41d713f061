"""What drives one entry of the parameter groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch.optim import Optimizer

from ._checks import shown
from ._entries import Entry, Group
from ._reader import Reader
from .budget import Budget
from .schedule import Schedule, operand

PerGroup = Schedule | Sequence[Schedule]
"""One schedule for all parameter groups, or one for each."""


class Drive:
    """An entry, the schedule of all groups or the schedules of each, and the present budget."""

    def __init__(self, name: str, schedules: PerGroup, groups: int) -> None:
        self.entry = Entry(name)
        self.is_lr = name == "lr"
        self.schedules = _checked(name, schedules)
        self._shared = isinstance(schedules, Schedule)
        if not self._shared:
            self._check_count(groups)

    def readers(self, budget: Budget) -> list[Reader]:
        """Readers under a budget (one for all groups, or one for each); ValueError on a misfit."""
        return [Reader(schedule, budget) for schedule in self._each()]

    def use(self, readers: list[Reader]) -> None:
        """Run under the budget that the readers were made for."""
        self._readers = readers

    def values(self, groups: Sequence[Group], position: float, scale: float) -> list[float]:
        """Base * scale * multiplier, for each group."""
        bases = self.entry.bases(groups)
        if self._shared:
            factor = scale * self._readers[0](position)
            return [base * factor for base in bases]
        self._check_count(len(bases))
        factors = [scale * reader(position) for reader in self._readers]
        return [base * factor for base, factor in zip(bases, factors, strict=True)]

    def to_plain(self) -> Any:
        """The schedules as JSON values."""
        if isinstance(self.schedules, list):
            return [schedule.to_dict() for schedule in self.schedules]
        return self.schedules.to_dict()

    def _each(self) -> list[Schedule]:
        return [self.schedules] if isinstance(self.schedules, Schedule) else self.schedules

    def _check_count(self, groups: int) -> None:
        given = len(self._each())
        if given != groups:
            raise ValueError(
                f"schedule for {self.entry.name!r}: {given} schedules for {groups} parameter "
                "groups; expected one for all or one for each (a group added late needs a "
                "ScheduleLR with a schedule for it)"
            )


def check_schedules(schedule: PerGroup | Mapping[str, PerGroup]) -> None:
    """Refuse what ScheduleLR takes for no optimizer (TypeError, ValueError)."""
    for name, given in _by_entry(schedule).items():
        Entry(name)
        _checked(name, given)


def _checked(name: str, schedules: Any) -> Schedule | list[Schedule]:
    """A schedule, or a list of schedules; TypeError otherwise."""
    if isinstance(schedules, Schedule):
        return schedules
    if isinstance(schedules, str) or not isinstance(schedules, Sequence):
        hint = "; a text form is read by Schedule.parse" if isinstance(schedules, str) else ""
        if isinstance(schedules, type) and issubclass(schedules, Schedule):
            hint = f"; a class: call it, as {schedules.__name__}()"
        raise TypeError(
            f"schedule {shown(schedules)} for {name!r}: expected a Schedule or a list{hint}"
        )
    return [operand(f"schedule for {name!r}", one) for one in schedules]  # pyright: ignore[reportUnknownVariableType]


def _by_entry(schedule: PerGroup | Mapping[str, PerGroup]) -> Mapping[str, PerGroup]:
    by_entry = schedule if isinstance(schedule, Mapping) else {"lr": schedule}
    if not by_entry:
        raise ValueError("schedule={}: expected at least one entry, such as 'lr'")
    return by_entry


def drives(schedule: PerGroup | Mapping[str, PerGroup], groups: int) -> list[Drive]:
    """A drive for each entry that ScheduleLR's argument names; a bare schedule is for ``lr``."""
    return [Drive(name, given, groups) for name, given in _by_entry(schedule).items()]


def checked_drives(
    optimizer: Optimizer, schedule: PerGroup | Mapping[str, PerGroup], budget: Budget
) -> list[Drive]:
    """What drives the optimizer under the budget; refuses as ScheduleLR does, changing nothing."""
    if not isinstance(optimizer, Optimizer):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"optimizer={optimizer!r}: expected a torch.optim.Optimizer")
    groups = optimizer.param_groups
    if not groups:
        raise ValueError("optimizer: it has no parameter groups")
    found = drives(schedule, len(groups))
    for drive in found:
        drive.use(drive.readers(budget))
        drive.entry.check(groups)
    return found
