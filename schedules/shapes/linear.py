"""Linear decay to zero."""

from dataclasses import dataclass
from typing import ClassVar

from ..schedule import Array, Schedule
from ._progress import progress


@dataclass(frozen=True)
class Linear(Schedule):
    """Straight from the peak to zero: the worst-case optimal schedule for the last iterate.

    m(t, T) = 1 - t/T for 0 <= t <= T; 1 before, 0 after.

    Example:
        >>> Linear()(25, total_steps=100)
        0.75

    Source: Defazio, Cutkosky, Mehta & Mishchenko (2023), arXiv:2310.07831.
    """

    name: ClassVar[str] = "linear"

    def _at(self, t: Array, T: float) -> Array:
        return 1.0 - progress(t, T)
