"""Decay on plateau, as a factor that composes with any schedule."""

from __future__ import annotations

import math
from typing import Any

# The house's argument checks are shared by all rooms.
from ..schedules._checks import finite_or_not, number, whole
from ..schedules._state import check_keys, reading


class Plateau:
    """Cuts the scale when a metric stops falling.

    A metric improves when it is below the best so far by more than ``threshold`` times its size;
    after more than ``patience`` tells without that, the scale is multiplied by ``factor`` and
    counting starts again. Set it as ``scheduler.scale`` of a ``ScheduleLR``: warm-up and schedule
    stay as they are, which torch's ReduceLROnPlateau cannot do. A metric that is not finite never
    improves.

    Args:
        factor: In (0, 1).
        patience: Tells without improvement that are borne, >= 0.
        threshold: Least relative improvement, >= 0.
        min_scale: Where the scale stops falling, in [0, 1].

    Example:
        >>> plateau = Plateau(factor=0.5, patience=1)
        >>> for loss in (1.0, 0.9, 0.9, 0.9):
        ...     plateau.tell(plateau.ask(), loss)
        >>> plateau.ask()
        0.5

    Source: torch.optim.lr_scheduler.ReduceLROnPlateau (mode min, relative threshold).
    """

    def __init__(
        self,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        min_scale: float = 0.0,
    ) -> None:
        self.factor = number("factor", factor, low=0, high=1, open_low=True, open_high=True)
        self.patience = whole("patience", patience)
        self.threshold = number("threshold", threshold, low=0)
        self.min_scale = number("min_scale", min_scale, low=0, high=1)
        self._scale, self._best, self._bad = 1.0, math.inf, 0

    def ask(self, context: Any = None) -> float:
        """The present scale, in (0, 1]."""
        del context
        return self._scale

    def tell(self, choice: float, cost: float) -> None:
        """Report the metric that training at this scale reached; TypeError for no number."""
        del choice  # the scale only ever changes here
        cost = finite_or_not(cost)
        bar = self._best - self.threshold * abs(self._best) if self._best < math.inf else math.inf
        if math.isfinite(cost) and cost < bar:
            self._best, self._bad = cost, 0
            return
        self._bad += 1
        if self._bad > self.patience:
            self._scale, self._bad = max(self._scale * self.factor, self.min_scale), 0

    def state_dict(self) -> dict[str, Any]:
        """Plain values: loads under ``torch.load(weights_only=True)``."""
        return {"scale": self._scale, "best": self._best, "bad": self._bad}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError, with nothing changed, where it is none."""
        check_keys("Plateau", state_dict, self.state_dict())
        with reading("Plateau"):
            scale = number("scale", state_dict["scale"], low=0, high=1)
            bad = whole("bad", state_dict["bad"])
            best = state_dict["best"]
            if best != math.inf:  # before the first tell
                number("best", best)
        self._scale, self._best, self._bad = scale, best, bad
