"""What the bandits share: arms, a seeded draw, costs made safe, state as plain values."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...schedules._checks import plain, shown, whole
from ...schedules._state import check_keys, reading
from ._costs import Costs
from .choice import Choice, check_choice

Array = NDArray[np.float64]
Seed = int | Sequence[int]


class Learner(ABC):
    """A bandit: a subclass says how to draw and how to learn, and names its arrays.

    Args:
        arms: At least one; numbers, names, callables, anything.
        seed: Of the draws: an int >= 0, or several.
        cost_min: Least possible cost: 1 for the iterations of a solve that starts anew, 0 for
            seconds.
    """

    ARRAYS: ClassVar[tuple[str, ...]] = ()
    """Attributes that hold what was learned: float64 arrays of fixed shapes."""

    def __init__(self, arms: Sequence[Any], seed: Seed, cost_min: float = 0.0) -> None:
        self.arms = checked_arms(arms)
        self._rng = seeded(seed)
        self._costs = Costs(cost_min)

    def _place(self, context: Any) -> float:
        """Where a context lies, for learners that look at it: those refuse what is no number."""
        del context
        return 0.0

    @abstractmethod
    def _draw(self, x: float) -> tuple[int, float, tuple[float, ...]]:
        """An arm at the place ``x``, its probability, and the baselines of the round."""

    @abstractmethod
    def _learn(self, choice: Choice, x: float, excess: float) -> None:
        """Learn from a cost above the least at ``x``, which ``_costs`` has counted already."""

    def ask(self, context: float | None = None) -> Choice:
        """Draw an arm.

        Raises:
            TypeError: a learner that looks at contexts was given none, or not a number.
            ValueError: the context is not finite.
        """
        arm, probability, baselines = self._draw(self._place(context))
        return Choice(self.arms[arm], arm, probability, plain(context), baselines)

    def tell(self, choice: Choice, cost: float) -> None:
        """Report what a choice cost; NaN and infinity count as the worst cost seen.

        Raises:
            TypeError: ``choice`` is not a Choice, or ``cost`` no number.
            ValueError: a choice of another bandit. Nothing has been changed then.
        """
        check_choice(choice, len(self.arms))
        x = self._place(choice.context)
        excess = self._costs.add(cost)
        if excess is not None:
            self._learn(choice, x, excess)

    def settings(self) -> dict[str, Any]:
        """What a saved state must agree with, as plain values."""
        return {
            "kind": type(self).__name__,
            "arms": [label(arm) for arm in self.arms],
            "cost_min": self._costs.cost_min,
        }

    def state_dict(self) -> dict[str, Any]:
        """Plain values: JSON, and loads under ``torch.load(weights_only=True)``."""
        return {
            "settings": self.settings(),
            "rng": self._rng.bit_generator.state,
            "costs": self._costs.state_dict(),
            "arrays": {name: getattr(self, name).tolist() for name in self.ARRAYS},
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state, with the same choices bit for bit.

        Raises:
            ValueError: the state of another kind of bandit, of other arms or settings, or a
                damaged one. Nothing has been changed then.
        """
        check_keys(type(self).__name__, state_dict, Learner.state_dict(self))
        check_settings(state_dict["settings"], self.settings())
        rng, costs = np.random.default_rng(0), Costs(self._costs.cost_min)
        with reading("arrays"):
            found = state_dict["arrays"]
            if found.keys() != set(self.ARRAYS):
                raise ValueError(f"{sorted(found)} instead of {sorted(self.ARRAYS)}")
            arrays = {name: fitting(name, found[name], getattr(self, name)) for name in found}
        with reading("rng"):
            rng.bit_generator.state = state_dict["rng"]  # NumPy refuses another generator's
        costs.load_state_dict(state_dict["costs"])
        self._rng, self._costs = rng, costs
        for name, array in arrays.items():
            setattr(self, name, array)


@cache
def loops(module: str) -> Any:
    """A module of compiled loops in this folder, imported when it is first needed, with numba.

    No learner holds it: modules cannot be copied or pickled.
    """
    return import_module(module, __package__)


def checked_arms(arms: Sequence[Any]) -> tuple[Any, ...]:
    """The arms as a tuple, NumPy numbers as Python's.

    Raises:
        TypeError: not a sequence.
        ValueError: no arms.
    """
    if isinstance(arms, str) or not hasattr(arms, "__iter__"):
        raise TypeError(f"arms={arms!r}: expected a list of arms")
    found = tuple(plain(arm) for arm in arms)
    if not found:
        raise ValueError(f"arms={arms!r}: expected at least one")
    return found


def seeded(seed: Seed) -> np.random.Generator:
    """A generator of that seed; TypeError or ValueError names a wrong one."""
    return np.random.default_rng(seed_words(seed))


def seed_words(seed: Seed) -> list[int]:
    """A seed as the ints that it consists of, at least one."""
    several = seed if isinstance(seed, Sequence) and not isinstance(seed, str) else (seed,)
    words = [whole("seed", word) for word in several]
    if not words:
        raise ValueError(f"seed={seed!r}: expected an int >= 0, or several")
    return words


def label(arm: Any) -> Any:
    """How an arm is named in a state: itself if a number or a text, else its name or settings.

    Addresses, which other processes do not have, are left out.
    """
    if isinstance(arm, int | float | str):
        return arm
    return getattr(arm, "__name__", None) or re.sub(r" at 0x[0-9a-fA-F]+", "", repr(arm))


def check_settings(found: Any, here: dict[str, Any]) -> None:
    """ValueError naming the first setting in which a saved state differs."""
    if not isinstance(found, dict):
        raise ValueError(f"state_dict: settings={shown(found)}; expected a dict")
    for key in [*here, *found]:
        if found.get(key) != here.get(key):
            raise ValueError(
                f"state_dict: saved with {key}={shown(found.get(key), 400)}, this tuner has "
                f"{shown(here.get(key), 400)}"
            )


def fitting(name: str, values: Any, like: Array) -> Array:
    """``values`` as an array of the shape of ``like``; ValueError where they do not fit."""
    try:
        found = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"state_dict: {name} does not hold numbers") from error
    if found.shape != like.shape or not np.isfinite(found).all():
        raise ValueError(
            f"state_dict: {name} of shape {found.shape}; expected {like.shape}, finite"
        )
    return found
