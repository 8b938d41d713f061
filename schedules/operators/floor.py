"""A least multiplier."""

from dataclasses import dataclass
from typing import ClassVar

from .._checks import number
from ..schedule import Array, Schedule, operand


@dataclass(frozen=True)
class Floor(Schedule):
    """Squeeze a schedule between a ratio and its peak.

    m(t, T) = ratio + (1 - ratio) base(t, T): affine, as torch's eta_min, and a ratio, so that
    parameter groups keep their proportions and none is raised above its own base rate.

    Args:
        base: The schedule.
        ratio: Least multiplier, in [0, 1]: eta_min / base rate.

    Example:
        >>> from ritard.schedules import Linear
        >>> Linear().floor(0.5)(100, total_steps=100)
        0.5
    """

    name: ClassVar[str] = "floor"

    base: Schedule
    ratio: float

    def __post_init__(self) -> None:
        ratio = number("ratio", self.ratio, low=0, high=1)
        self._settle(base=operand("base", self.base), ratio=ratio)

    def _at(self, t: Array, T: float) -> Array:
        return self.ratio + (1.0 - self.ratio) * self.base._at(t, T)
