"""No decay."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._checks import number
from ..schedule import Array, Schedule


@dataclass(frozen=True)
class Constant(Schedule):
    """One value over the whole run.

    m(t, T) = value. It is called "none" in REX's comparison.

    Args:
        value: The multiplier, finite, >= 0.

    Example:
        >>> Constant()(50, total_steps=100)
        1.0
    """

    name: ClassVar[str] = "constant"

    value: float = 1.0

    def __post_init__(self) -> None:
        self._settle(value=number("value", self.value, low=0))

    def _at(self, t: Array, T: float) -> Array:
        del T
        return np.full_like(t, self.value)
