"""Climb: candidates that go the way the loss falls, and then closer around the best."""

from __future__ import annotations

import math
from typing import Any

from ...schedules._checks import finite_or_not, number
from ...schedules._state import check_keys, reading


class Climb:
    """Proposes scales one after the other: where to depends on what the last ones cost.

    The cost is taken to have one minimum. The first scale is the middle of the interval, the next
    a step above. While a step is better than all before, the next goes further the same way, also
    out of the interval: an optimum far off is reached in one stage. If the first step up is worse,
    the next goes down, as it does while all have diverged. Once the best has a neighbour on either
    side, the wider gap beside it is halved, down to half an octave (a factor of 2 is one). Then
    there is nothing more to ask: the middle comes again.

    The step is a quarter of the interval, on the log scale.

    Example:
        >>> climb = Climb(0.25, 4.0)
        >>> for _ in range(6):
        ...     scale = climb.ask()
        ...     climb.tell(scale, abs(math.log2(scale) - 2.2) - 2.2)
        ...     print(round(scale, 3))
        1.0
        2.0
        4.0
        8.0
        5.657
        2.828
    """

    finest = 0.5
    """Octaves that are not divided any more."""

    def __init__(self, low: float, high: float) -> None:
        number("low", low, low=0, open_low=True)
        if not low < number("high", high):
            raise ValueError(f"low={low!r}, high={high!r}: expected low < high")
        # Powers of two stay exact: a learned schedule then has the very rates of its run.
        self._middle, self._step = math.sqrt(low * high), math.log2(high / low) / 4
        self._costs: dict[float, float] = {}  # by octaves above the middle
        self._asked = 0.0

    def ask(self, context: Any = None) -> float:
        """The next scale; the middle when there is nothing more to ask."""
        del context
        self._asked = self._next()
        return self._middle * 2.0**self._asked

    def tell(self, choice: float, cost: float) -> None:
        """How much worse than another one it was; NaN where it diverged.

        Of equal costs the last is taken for the best: where the middle diverged, differences are
        to the best so far.
        """
        octaves = math.log2(number("choice", choice, low=0, open_low=True) / self._middle)
        known = self._asked if math.isclose(octaves, self._asked, abs_tol=1e-9) else octaves
        found = float(finite_or_not(cost))
        self._costs.pop(known, None)
        self._costs[known] = found if math.isfinite(found) else math.inf

    def state_dict(self) -> dict[str, Any]:
        """What was told, as (octaves, cost)."""
        return {"asked": self._asked, "costs": [list(pair) for pair in self._costs.items()]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there; ValueError, with nothing changed, for another state."""
        check_keys("Climb", state_dict, self.state_dict())
        with reading("Climb"):
            asked = float(number("asked", state_dict["asked"]))
            pairs = [(number("octaves", at), float(cost)) for at, cost in state_dict["costs"]]
        self._asked, self._costs = asked, dict(pairs)

    def _next(self) -> float:
        if not self._costs:
            return 0.0
        if all(math.isinf(cost) for cost in self._costs.values()):
            return min(self._costs) - self._step
        best = min(reversed(self._costs), key=lambda octaves: self._costs[octaves])
        above = min((o for o in self._costs if o > best), default=None)
        below = max((o for o in self._costs if o < best), default=None)
        if above is None:
            return best + self._step
        if below is None:
            return best - self._step
        low, high = (best, above) if above - best >= best - below else (below, best)
        return (low + high) / 2 if high - low > self.finest else 0.0
