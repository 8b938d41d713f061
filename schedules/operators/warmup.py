"""Linear warm-up in front of anything."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._lengths import Length, fit, length
from ..schedule import Array, Schedule, operand


@dataclass(frozen=True)
class Warmup(Schedule):
    """Rise linearly to the first value of ``base``, which then runs in what remains.

    m(t, T) = base(0, T - W) (t + 1)/(W + 1) for t < W; base(t - W, T - W) from there.

    No update is wasted at rate zero. Where the budget counts tokens, samples or seconds, the 1
    is one of these units.

    Args:
        base: What to warm up for; it is compressed into T - W.
        length: W: a fraction of the run in (0, 1) or a count (int >= 0; 0 does nothing).

    Raises:
        ValueError: on a call, where W exceeds the run.

    Example:
        >>> from ritard.schedules import Linear
        >>> [Linear().warmup(3)(t, total_steps=7) for t in (0, 1, 2, 3, 5, 7)]
        [0.25, 0.5, 0.75, 1.0, 0.5, 0.0]
    """

    name: ClassVar[str] = "warmup"
    _lengths: ClassVar[tuple[str, ...]] = ("length",)

    base: Schedule
    length: Length

    def __post_init__(self) -> None:
        self._settle(base=operand("base", self.base), length=length("length", self.length))

    def _at(self, t: Array, T: float) -> Array:
        W = fit("warmup length", self.length, T)
        if W == 0:
            return self.base._at(t, T)
        # Body and peak in one call: two would double with every warm-up inside a warm-up.
        values = self.base._at(np.maximum(np.append(t - W, 0.0), 0.0), T - W or T)
        body, peak = values[:-1], values[-1]
        return np.where(t < W, peak * ((t + 1.0) / (W + 1.0)), body)
