"""Half a cosine."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..schedule import Array, Schedule
from ._progress import progress


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from the peak down to zero.

    m(t, T) = (1 + cos(pi t/T)) / 2 for 0 <= t <= T; 1 before, 0 after.

    Example:
        >>> Cosine()(50, total_steps=100)
        0.5

    Source: Loshchilov & Hutter (2017), SGDR, eq. 5, arXiv:1608.03983.
    """

    name: ClassVar[str] = "cosine"

    def _at(self, t: Array, T: float) -> Array:
        return (1.0 + np.cos(np.pi * progress(t, T))) / 2.0
