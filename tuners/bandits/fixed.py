"""The baseline that chooses nothing."""

from __future__ import annotations

from typing import Any

from ._learner import Learner
from .choice import Choice


class Fixed(Learner):
    """Always the same value: a number, or ``ritard.solvers.linear.Adaptive()`` for omega.

    Args:
        value: What every choice holds.

    Example:
        >>> Fixed(1.5).ask().value
        1.5
    """

    def __init__(self, value: Any) -> None:
        super().__init__((value,), seed=0)

    def _draw(self, x: float) -> tuple[int, float, tuple[float, ...]]:
        return 0, 1.0, ()

    def _learn(self, choice: Choice, x: float, excess: float) -> None:
        """There is nothing to learn."""
