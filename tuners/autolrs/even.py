"""Even: candidates at equal ratios around the present scale."""

from __future__ import annotations

import math
from typing import Any


class Even:
    """Proposes ``count`` scales, evenly on the log scale from ``low`` to ``high``.

    The middle of the interval is left out: the present scale is tried anyhow. Half lie above it
    (one more where the count is odd) and half below, the nearest first.

    Example:
        >>> even = Even(0.25, 4.0, count=4)
        >>> [round(even.ask(), 3) for _ in range(4)]
        [2.0, 0.5, 4.0, 0.25]
    """

    def __init__(self, low: float, high: float, count: int) -> None:
        # Powers of two stay exact: a learned schedule then has the very rates of its run.
        middle, octaves = math.sqrt(low * high), math.log2(high / low) / 2
        above, below = (count + 1) // 2, count // 2
        up = [middle * 2.0 ** (octaves * (i + 1) / above) for i in range(above)]
        down = [middle * 2.0 ** (-octaves * (i + 1) / below) for i in range(below)]
        pairs = zip(up, [*down, None], strict=False)
        self._scales = [scale for pair in pairs for scale in pair if scale is not None]
        self._asked = 0

    def ask(self, context: Any = None) -> float:
        """The next scale; from the first again when all were asked."""
        del context
        self._asked += 1
        return self._scales[(self._asked - 1) % len(self._scales)]

    def tell(self, choice: float, cost: float) -> None:
        """Costs change nothing here."""
        del choice, cost

    def state_dict(self) -> dict[str, Any]:
        """How far it came."""
        return {"asked": self._asked}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self._asked = state_dict["asked"]
