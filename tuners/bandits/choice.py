"""What a bandit answers when it is asked."""

import math
from typing import Any, NamedTuple

from ...schedules._checks import number


class Choice(NamedTuple):
    """One arm, drawn; also the token by which its cost is told.

    It holds all that the learner needs to learn from it, as plain values: tells may come late, in
    another order than the asks, from another process, or never. Immutable.

    Attributes:
        value: What to use: the arm's value (omega, a name, ...), or what its policy gives.
        arm: The arm's number, from 0.
        probability: Chance at which this arm was drawn, in (0, 1]; 1 where nothing was drawn.
        context: What was known of the problem when asking, a number or None.
        baselines: Guess of each arm's cost above the least, made before the draw; empty where
            the learner makes none.
    """

    value: Any
    arm: int
    probability: float = 1.0
    context: float | None = None
    baselines: tuple[float, ...] = ()


def check_choice(choice: Any, arms: int) -> None:
    """Refuse what none of our asks can have given.

    Raises:
        TypeError: not a Choice, or one whose arm, probability or baselines are no numbers.
        ValueError: they do not fit a bandit of so many arms.
    """
    if type(choice) is not Choice:
        raise TypeError(f"choice={choice!r}: expected what ask() gave, a Choice")
    _, arm, probability, _, baselines = choice
    if type(arm) is not int:
        raise TypeError(f"choice.arm={arm!r}: expected an int in [0, {arms})")
    if not 0 <= arm < arms:
        raise ValueError(f"choice.arm={arm!r}: expected an int in [0, {arms})")
    if type(probability) is not float:
        number("choice.probability", probability)
    if not 0 < probability <= 1:
        raise ValueError(f"choice.probability={probability!r}: expected a number in (0, 1]")
    try:
        count, finite = len(baselines), math.isfinite(sum(baselines))
    except TypeError as error:
        raise TypeError(f"choice.baselines={baselines!r}: expected a tuple of numbers") from error
    if count not in (0, arms):
        raise ValueError(f"choice.baselines: {count} of them for {arms} arms")
    if not finite:
        raise ValueError(f"choice.baselines={baselines!r}: expected finite numbers")
