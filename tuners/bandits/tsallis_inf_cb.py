"""Tsallis-INF with the context cut into bins."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from ...schedules._checks import whole
from ...schedules._state import check_keys, reading
from ._context import ContextRange
from ._learner import Seed, check_settings, checked_arms, seed_words
from .choice import Choice, check_choice
from .tsallis_inf import REDUCED_VARIANCE, Estimator, TsallisINF


class TsallisINFCB:
    """One Tsallis-INF for each of ``bins`` equal parts of the interval of contexts.

    Each has its own round counter and its own scale. Contexts outside are put into the nearest
    bin, with one warning.

    Args:
        arms: What can be chosen.
        seed: Of the draws; bin j draws by (seed, j).
        low: Least context.
        high: Largest context.
        bins: At least 1.
        estimator: As for TsallisINF.
        cost_min: Least possible cost.

    Example:
        >>> tuner = TsallisINFCB(arms=(1.0, 1.9), seed=0, low=0.0, high=10.0, bins=4)
        >>> tuner.bin(7.4), tuner.bin(10.0)
        (2, 3)

    Source: Khodak et al. (2024), arXiv:2310.02246, Algorithm 5.
    """

    def __init__(
        self,
        arms: Sequence[Any],
        seed: Seed,
        low: float,
        high: float,
        bins: int = 5,
        estimator: Estimator = REDUCED_VARIANCE,
        cost_min: float = 0.0,
    ) -> None:
        self.arms = checked_arms(arms)
        self._range = ContextRange(low, high)
        self._learners = [
            TsallisINF(self.arms, [*seed_words(seed), j], estimator, cost_min)
            for j in range(whole("bins", bins, low=1))
        ]

    def bin(self, context: Any) -> int:
        """The number of the bin that a context falls into."""
        last = len(self._learners) - 1
        return min(int((self._range.place(context) + 1.0) / 2.0 * (last + 1)), last)

    def ask(self, context: float | None = None) -> Choice:
        """Draw an arm by the learner of the context's bin.

        Raises:
            TypeError: no context, or not a number.
            ValueError: the context is not finite.
        """
        return self._learners[self.bin(context)].ask(context)

    def tell(self, choice: Choice, cost: float) -> None:
        """Report what a choice cost, to the learner of its bin; raises as any learner's."""
        check_choice(choice, len(self.arms))
        self._learners[self.bin(choice.context)].tell(choice, cost)

    def settings(self) -> dict[str, Any]:
        """What a saved state must agree with."""
        bounds = {"low": self._range.low, "high": self._range.high, "bins": len(self._learners)}
        return self._learners[0].settings() | {"kind": "TsallisINFCB"} | bounds

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        states = [learner.state_dict() for learner in self._learners]
        return {"settings": self.settings(), "bins": states}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError, with nothing changed, for that of another tuner."""
        check_keys("TsallisINFCB", state_dict, {"settings": {}, "bins": []})
        check_settings(state_dict["settings"], self.settings())
        learners = [copy(learner) for learner in self._learners]
        with reading("bins"):
            for learner, state in zip(learners, state_dict["bins"], strict=True):
                learner.load_state_dict(state)
        self._learners = learners
