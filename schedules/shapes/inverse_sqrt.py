"""Inverse square root of time."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._lengths import Length, length, resolve
from ..schedule import Array, Schedule


@dataclass(frozen=True)
class InverseSqrt(Schedule):
    """Inverse square root of the time run, the classic schedule without a horizon.

    m(t, T) = sqrt(tau / (tau + t)), tau the time scale; it needs T only where tau is a
    fraction, and it does not reach zero: add :meth:`cooldown`.
    ``InverseSqrt(W).warmup(W)`` is the Transformer's schedule, up to the first-step offset of
    :class:`~ritard.schedules.operators.warmup.Warmup`.

    Args:
        timescale: tau: a count >= 1 of the budget's unit, or a fraction of the run. The default
            1 gives 1/sqrt(t + 1).

    Example:
        >>> InverseSqrt()(3, total_steps=100)
        0.5

    Source: Vaswani et al. (2017), arXiv:1706.03762, eq. 3.
    """

    name: ClassVar[str] = "inverse-sqrt"
    _lengths: ClassVar[tuple[str, ...]] = ("timescale",)

    timescale: Length = 1

    def __post_init__(self) -> None:
        self._settle(timescale=length("timescale", self.timescale, low=1))

    def _at(self, t: Array, T: float) -> Array:
        tau = resolve(self.timescale, T)
        return np.sqrt(tau / (tau + t)) if tau > 0 else np.ones_like(t)
