"""The 1 - sqrt decay, the usual shape of a cooldown."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..schedule import Array, Schedule
from ._progress import progress


@dataclass(frozen=True)
class OneMinusSqrt(Schedule):
    """Falls fast at first and slowly in the end; its text form is ``1-sqrt``.

    m(t, T) = 1 - sqrt(t/T) for 0 <= t <= T; 1 before, 0 after.

    Example:
        >>> OneMinusSqrt()(25, total_steps=100)
        0.5

    Source: Hägele et al. (2024), arXiv:2405.18392, sec. 3.
    """

    name: ClassVar[str] = "1-sqrt"

    def _at(self, t: Array, T: float) -> Array:
        return 1.0 - np.sqrt(progress(t, T))
