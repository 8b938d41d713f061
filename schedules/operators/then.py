"""One schedule after another."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._lengths import Length, fit, length
from ..schedule import Array, Schedule, operand


@dataclass(frozen=True)
class Then(Schedule):
    """``base`` up to a point, ``other`` from there; both may be composites, to any depth.

    m(t, T) = base(t, B) for t < B; other(t - B, T - B) from there.

    Args:
        base: The first phase; its run is B long.
        other: The second phase; its run is T - B long.
        at: B: a fraction of the run in (0, 1) or a count (int >= 0; 0 leaves out ``base``).

    Raises:
        ValueError: on a call, where B exceeds the run.

    Example:
        >>> from ritard.schedules import Constant, Linear
        >>> [Constant().then(Linear(), at=0.5)(t, total_steps=8) for t in (0, 4, 6, 8)]
        [1.0, 1.0, 0.5, 0.0]
    """

    name: ClassVar[str] = "then"
    _lengths: ClassVar[tuple[str, ...]] = ("at",)

    base: Schedule
    other: Schedule
    at: Length

    def __post_init__(self) -> None:
        self._settle(base=operand("base", self.base), other=operand("other", self.other))
        self._settle(at=length("at", self.at))

    def _at(self, t: Array, T: float) -> Array:
        B = fit("then at", self.at, T)
        after = self.other._at(np.maximum(t - B, 0.0), T - B)
        return np.where(t < B, self.base._at(np.minimum(t, B), B), after) if B > 0 else after
