"""A final decay from the value reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._checks import shown
from .._lengths import Length, fit, length
from ..schedule import Array, Schedule, operand
from ..shapes.one_minus_sqrt import OneMinusSqrt


@dataclass(frozen=True)
class Cooldown(Schedule):
    """Leave ``base`` at T - D and take the value reached there down to zero.

    m(t, T) = base(t, T) for t < T - D; base(T - D, T) shape(t - (T - D), D) from there.

    ``base`` is not compressed: it runs as if there were no cooldown, which is what a decay
    decided late in a run needs.

    Args:
        base: What runs until then.
        length: D: a fraction of the run in (0, 1) or a count (int >= 0; 0 does nothing).
        shape: ``"1-sqrt"``, ``"linear"``, ``"cosine"``, or any schedule.

    Raises:
        ValueError: on a call, where D exceeds the run.

    Example:
        >>> from ritard.schedules import Constant
        >>> [Constant().cooldown(0.5, "linear")(t, total_steps=8) for t in (3, 4, 6, 8)]
        [1.0, 1.0, 0.5, 0.0]

    Source: Hägele et al. (2024), arXiv:2405.18392.
    """

    name: ClassVar[str] = "cooldown"
    _lengths: ClassVar[tuple[str, ...]] = ("length",)

    base: Schedule
    length: Length
    shape: Schedule | str = OneMinusSqrt()  # noqa: RUF009  (it is frozen)

    def __post_init__(self) -> None:
        self._settle(base=operand("base", self.base), length=length("length", self.length))
        self._settle(shape=as_schedule(self.shape))

    def _at(self, t: Array, T: float) -> Array:
        assert isinstance(self.shape, Schedule)
        D = fit("cooldown length", self.length, T)
        start = T - D
        held = self.base._at(np.minimum(t, start), T)
        if D == 0:
            return held
        return np.where(t < start, held, held * self.shape._at(np.clip(t - start, 0.0, D), D))


def as_schedule(shape: Schedule | str) -> Schedule:
    """A schedule as it is, a name as the schedule it names; TypeError or ValueError otherwise."""
    if isinstance(shape, str):
        return Schedule.parse(shape)
    if not isinstance(shape, Schedule):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"shape={shown(shape)}: expected a schedule or its name, such as '1-sqrt'")
    return shape
