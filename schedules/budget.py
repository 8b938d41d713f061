"""Budgets: how long a run is, and in which unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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

    @classmethod
    def steps(cls, n: int) -> Budget:
        """A run of ``n`` optimizer updates, n >= 1."""
        return cls("steps", whole("total_steps", n, low=1))

    @classmethod
    def epochs(cls, n: float, steps_per_epoch: int) -> Budget:
        """A run of ``n`` > 0 epochs of ``steps_per_epoch`` optimizer updates each."""
        return cls(
            "epochs",
            number("epochs", n, low=0, open_low=True),
            whole("steps_per_epoch", steps_per_epoch, low=1),
        )

    @classmethod
    def samples(cls, n: float) -> Budget:
        """A run over ``n`` > 0 training samples; report them by ``scheduler.advance(samples)``."""
        return cls("samples", number("samples", n, low=0, open_low=True))

    @classmethod
    def tokens(cls, n: float) -> Budget:
        """A run over ``n`` > 0 tokens; report them by ``scheduler.advance(tokens)``."""
        return cls("tokens", number("tokens", n, low=0, open_low=True))

    @classmethod
    def seconds(cls, t: float) -> Budget:
        """A run of ``t`` > 0 seconds of wall-clock time; it advances by itself."""
        return cls("seconds", number("seconds", t, low=0, open_low=True))

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
        total = self.length * self.steps_per_epoch
        return int(total) if float(total).is_integer() else total

    @property
    def counts_updates(self) -> bool:
        """Whether a position is a number of updates (steps and epochs)."""
        return self.unit in ("steps", "epochs")
