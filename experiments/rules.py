"""Rules: what sets the rate from feedback of the run, beside schedules that are known before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from ..schedules import Schedule
from ..schedules._checks import number

if TYPE_CHECKING:
    from ..schedules import ScheduleCallback


class Rule(ABC):
    """A way to set the rate while the run goes on: settings, and no curve before the run.

    To add one: a frozen dataclass with a ``name``, and a row in :data:`RULES`.
    """

    name: ClassVar[str]
    """The name in text and JSON."""

    @abstractmethod
    def callback(self) -> ScheduleCallback:
        """What drives a new run in the Trainer."""

    def to_dict(self) -> dict[str, Any]:
        """The name and the settings that differ from their defaults, as JSON values."""
        return {"name": self.name} | self._settings()

    def __str__(self) -> str:
        """The text form, ``"online(smoothing=0.2)"``."""
        found = ", ".join(f"{key}={value!r}" for key, value in self._settings().items())
        return f"{self.name}({found})" if found else self.name

    def _settings(self) -> dict[str, Any]:
        every = {f.name: (getattr(self, f.name), f.default) for f in fields(self)}  # type: ignore[arg-type]  # every rule is a dataclass
        return {key: value for key, (value, usual) in every.items() if value != usual}


@dataclass(frozen=True)
class Online(Rule):
    """Online refinement; see :class:`ritard.tuners.OnlineRefinement`.

    Args:
        smoothing: Width of the median filter as a part of the run, in (0, 1].

    Example:
        >>> str(Online()), str(Online(0.2))
        ('online', 'online(smoothing=0.2)')
    """

    name: ClassVar[str] = "online"

    smoothing: float = 0.1

    def __post_init__(self) -> None:
        """Refuse a smoothing that is out of range."""
        found = float(number("smoothing", self.smoothing, low=0, high=1, open_low=True))
        object.__setattr__(self, "smoothing", found)

    def callback(self) -> ScheduleCallback:
        """See :class:`Rule`."""
        from ..tuners import OnlineRefinementCallback

        return OnlineRefinementCallback(self.smoothing)


RULES: Mapping[str, type[Rule]] = {rule.name: rule for rule in (Online,)}
"""Every rule by its name."""

Control = Schedule | Rule
"""What a comparison compares: it sets the rate, from a known curve or from feedback."""


def driver(control: Control) -> ScheduleCallback:
    """What drives a run under a control in the Trainer."""
    from ..schedules import ScheduleCallback

    return control.callback() if isinstance(control, Rule) else ScheduleCallback(control)
