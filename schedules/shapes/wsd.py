"""WSD: warm-up, stable, decay."""

from dataclasses import dataclass
from typing import ClassVar

from .._lengths import Length, length
from ..operators.cooldown import Cooldown, as_schedule
from ..schedule import Array, Schedule
from .constant import Constant
from .one_minus_sqrt import OneMinusSqrt


@dataclass(frozen=True)
class WSD(Schedule):
    """Constant, then a cooldown to zero; ``WSD().warmup(0.05)`` has the warm-up too.

    m(t, T) = 1 for t < T - D, shape(t - (T - D), D) from there, D the length of the decay.
    The same as ``Constant().cooldown(decay, shape)``.

    Args:
        decay: Length D: a fraction of the run in (0, 1) or a count (int >= 0).
        shape: ``"1-sqrt"``, ``"linear"``, ``"cosine"``, or any schedule.

    Example:
        >>> [round(WSD()(t, total_steps=100), 4) for t in (0, 80, 85, 100)]
        [1.0, 1.0, 0.5, 0.0]

    Source: Hu et al. (2024), MiniCPM, arXiv:2404.06395; 1-sqrt: Hägele et al. (2024),
    arXiv:2405.18392.
    """

    name: ClassVar[str] = "wsd"
    _lengths: ClassVar[tuple[str, ...]] = ("decay",)

    decay: Length = 0.2
    shape: Schedule | str = OneMinusSqrt()  # noqa: RUF009  (it is frozen)

    def __post_init__(self) -> None:
        self._settle(decay=length("decay", self.decay), shape=as_schedule(self.shape))

    def _at(self, t: Array, T: float) -> Array:
        return Cooldown(Constant(), self.decay, self.shape)._at(t, T)
