"""The product of two schedules."""

from dataclasses import dataclass
from typing import ClassVar

from ..schedule import Array, Schedule


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
        if not isinstance(self.other, Schedule):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"other={self.other!r}: expected a schedule")

    def _at(self, t: Array, T: float) -> Array:
        return self.base._at(t, T) * self.other._at(t, T)
