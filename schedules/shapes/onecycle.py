"""The triangle of one cycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._checks import number
from ..schedule import Array, Schedule
from ._progress import progress
from .tabulated import Tabulated


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Linearly from ``low`` up to the peak in the first half, and back in the second.

    m(t, T) = low + (1 - low) (1 - |1 - 2t/T|) for 0 <= t <= T; ``low`` outside.

    The base rate is the peak, eta_max. (torch's OneCycleLR is another curve, two cosines: here
    ``Cosine().floor(4e-6).warmup(0.3)`` is the like of it.)

    Args:
        low: eta_min / eta_max, in [0, 1].

    Example:
        >>> [round(OneCycle()(t, total_steps=100), 4) for t in (0, 25, 50, 100)]
        [0.1, 0.55, 1.0, 0.1]

    Source: Smith (2018), arXiv:1803.09820; the settings of the REX paper (arXiv:2107.04197).
    """

    name: ClassVar[str] = "onecycle"

    low: float = 0.1

    def __post_init__(self) -> None:
        self._settle(low=number("low", self.low, low=0, high=1))

    def _at(self, t: Array, T: float) -> Array:
        return self.low + (1.0 - self.low) * (1.0 - np.abs(1.0 - 2.0 * progress(t, T)))

    @staticmethod
    def momentum(low: float = 0.85, high: float = 0.95) -> Schedule:
        """The mirrored cycle of the momentum: from ``high`` down to ``low`` and back.

        It multiplies the optimizer's own momentum, which must be set to ``high``:
        ``ScheduleLR(optimizer, {"lr": OneCycle(), "momentum": OneCycle.momentum()}, T)``; for
        Adam the entry is ``"betas[0]"``.

        Args:
            low: beta_min, > 0 and <= ``high``.
            high: beta_max, < 1.
        """
        number("high", high, low=0, high=1, open_low=True, open_high=True)
        number("low", low, low=0, high=high, open_low=True)
        return Tabulated((1.0, low / high, 1.0))
