"""Budgets: how long a run is, and in which unit."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from ._checks import number, whole

Unit = Literal["steps", "epochs", "samples", "tokens", "seconds"]


@dataclass(frozen=True)
class Budget:
    """The horizon of a run: a unit and a length.

    Made by :meth:`steps`, :meth:`epochs`, :meth:`samples`, :meth:`tokens` or
    :meth:`seconds`. It is frozen: what has elapsed lives in the state of
    :class:`~ritard.schedules.ScheduleLR`. Int lengths inside a schedule (``warmup(5)``) count
    this unit; under seconds they are refused, fractions being clearer there.

    Attributes:
        unit: ``"steps"``, ``"epochs"``, ``"samples"``, ``"tokens"`` or ``"seconds"``.
        length: How many of the unit; > 0.
        steps_per_epoch: Updates in an epoch; only under ``"epochs"``.

    Example:
        >>> Budget.epochs(90, steps_per_epoch=5005).total
        450450
        >>> Budget.tokens(300e9)
        Budget(unit='tokens', length=300000000000.0, steps_per_epoch=None)
    """

    unit: Unit
    length: float
    steps_per_epoch: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no budget (TypeError, ValueError)."""
        if self.unit not in (units := get_args(Unit)):
            raise ValueError(f"unit={self.unit!r}: expected one of {', '.join(units)}")
        if self.unit == "steps":
            found = whole("total_steps", self.length, low=1)
        else:
            found = number(self.unit, self.length, low=0, open_low=True)
        object.__setattr__(self, "length", found)
        if self.unit == "epochs":
            per_epoch = whole("steps_per_epoch", self.steps_per_epoch, low=1)
            object.__setattr__(self, "steps_per_epoch", per_epoch)
        elif self.steps_per_epoch is not None:
            raise ValueError(
                f"steps_per_epoch={self.steps_per_epoch!r}: expected None under {self.unit}"
            )
        number("total", self.total, low=0, open_low=True)  # a float must hold it

    @classmethod
    def steps(cls, n: int) -> Budget:
        """A run of ``n`` optimizer updates, n >= 1."""
        return cls("steps", n)

    @classmethod
    def epochs(cls, n: float, steps_per_epoch: int) -> Budget:
        """A run of ``n`` > 0 epochs of ``steps_per_epoch`` optimizer updates each."""
        return cls("epochs", n, steps_per_epoch)

    @classmethod
    def samples(cls, n: float) -> Budget:
        """A run over ``n`` > 0 training samples; report them by ``scheduler.advance(samples)``."""
        return cls("samples", n)

    @classmethod
    def tokens(cls, n: float) -> Budget:
        """A run over ``n`` > 0 tokens; report them by ``scheduler.advance(tokens)``."""
        return cls("tokens", n)

    @classmethod
    def seconds(cls, t: float) -> Budget:
        """A run of ``t`` > 0 seconds of wall-clock time; it advances by itself."""
        return cls("seconds", t)

    @classmethod
    def of(cls, total_steps: int | Budget) -> Budget:
        """A Budget as it is, an int as that many steps.

        Raises:
            TypeError: neither a Budget nor a whole number.
            ValueError: zero or negative.
        """
        if isinstance(total_steps, Budget):
            return total_steps
        return cls.steps(total_steps)

    @property
    def total(self) -> float:
        """The length in what a position counts: updates for steps and epochs, else the unit."""
        if self.steps_per_epoch is None:
            return self.length
        total = Fraction(repr(self.length)) * self.steps_per_epoch  # 0.29 of 100 is 29
        return int(total) if total.denominator == 1 else float(total)

    @property
    def counts_updates(self) -> bool:
        """Whether a position is a number of updates (steps and epochs)."""
        return self.unit in ("steps", "epochs")
