"""The product of two schedules."""

from dataclasses import dataclass
from typing import ClassVar

from ..schedule import Array, Schedule, operand


@dataclass(frozen=True)
class Product(Schedule):
    """Two schedules at once.

    m(t, T) = base(t, T) other(t, T). It does what torch's ChainedScheduler is used for: inside
    that one a closed form cannot see the other factors.

    Args:
        base: A schedule.
        other: A schedule.

    Example:
        >>> from ritard.schedules import Linear
        >>> (Linear() * Linear())(50, total_steps=100)
        0.25
    """

    name: ClassVar[str] = "times"

    base: Schedule
    other: Schedule

    def __post_init__(self) -> None:
        self._settle(base=operand("base", self.base), other=operand("other", self.other))

    def _at(self, t: Array, T: float) -> Array:
        return self.base._at(t, T) * self.other._at(t, T)
