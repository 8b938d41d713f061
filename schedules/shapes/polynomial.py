"""A power of the remaining time."""

from dataclasses import dataclass
from typing import ClassVar

from .._checks import number
from ..schedule import Array, Schedule
from ._progress import progress


@dataclass(frozen=True)
class Polynomial(Schedule):
    """A power of the remaining time; power 1 is :class:`Linear`.

    m(t, T) = (1 - t/T)^power for 0 <= t <= T; 1 before, 0 after.

    Args:
        power: > 0.

    Example:
        >>> Polynomial(power=2)(50, total_steps=100)
        0.25

    Source: torch.optim.lr_scheduler.PolynomialLR; Chen et al. (2017), arXiv:1606.00915, sec. 4.
    """

    name: ClassVar[str] = "polynomial"

    power: float = 1.0

    def __post_init__(self) -> None:
        self._settle(power=number("power", self.power, low=0, open_low=True))

    def _at(self, t: Array, T: float) -> Array:
        return (1.0 - progress(t, T)) ** float(self.power)
