"""The budget clock: how far a run has come."""

from __future__ import annotations

import math
import time
from typing import Any

from ._checks import number
from .budget import Budget


class Clock:
    """What has elapsed of a budget; the part of it that updates do not count.

    Under seconds it runs by itself, and a pickled or saved clock goes on from where it stood:
    time in which no process ran does not count.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.elapsed = 0.0
        self._since = time.monotonic()

    @property
    def budget(self) -> Budget:
        """The horizon; another one must count the same thing: see :meth:`check_same_count`."""
        return self._budget

    @budget.setter
    def budget(self, budget: Budget) -> None:
        self._budget = budget
        self.counts_updates = budget.counts_updates
        # Updates after which a mistaken unit shows: past the end, or nothing was ever reported.
        self.suspicious = {"seconds": math.inf, "samples": 0, "tokens": 0}.get(
            budget.unit, budget.total
        )

    def advance(self, amount: float) -> None:
        """Add samples or tokens; ValueError where the budget advances by itself."""
        if self._budget.unit not in ("samples", "tokens"):
            raise ValueError(f"advance: a budget in {self._budget.unit} advances by itself")
        elapsed = self.elapsed + number("amount", amount, low=0)
        self.elapsed = number("elapsed", elapsed)  # two that fit may not fit together

    def tick(self, epoch: int | None) -> None:
        """Go on to now, or back to the start (epoch 0)."""
        if epoch not in (None, 0):
            raise ValueError(f"epoch={epoch}: a budget in {self._budget.unit} can only restart")
        self.set(self.now() if epoch is None else 0.0)

    def now(self) -> float:
        """Elapsed up to this moment, without moving the clock."""
        running = self._budget.unit == "seconds"
        return self.elapsed + (time.monotonic() - self._since if running else 0.0)

    def set(self, elapsed: float) -> None:
        """Go on from a saved position."""
        self.elapsed, self._since = elapsed, time.monotonic()

    def check_same_count(self, unit: str) -> None:
        """Refuse to read a position counted in ``unit`` as one of this budget (ValueError)."""
        here = self._budget.unit
        updates = ("steps", "epochs")
        if unit != here and not (unit in updates and here in updates):
            raise ValueError(
                f"budget: the run was counted in {unit} and in {here}, and one cannot be turned "
                "into the other"
            )

    def warning(self, updates: int) -> str | None:
        """What looks like a mistaken unit after more updates than are :attr:`suspicious`."""
        if self.counts_updates:
            return (
                f"ScheduleLR: step {updates} is past total_steps={self._budget.total:g}; the end "
                "value holds. If total_steps counts epochs but step() is called per batch, pass "
                "Budget.epochs(n, steps_per_epoch)."
            )
        if self._budget.unit in ("samples", "tokens") and self.elapsed == 0:
            unit = self._budget.unit
            return (
                f"ScheduleLR: step() without advance({unit}): under a budget in {unit} the "
                "schedule stands still until they are reported."
            )
        return None

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: stopped at the time it shows."""
        return self.__dict__ | {"elapsed": self.now()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """For pickle and copy: it goes on from there."""
        self.__dict__.update(state, _since=time.monotonic())
