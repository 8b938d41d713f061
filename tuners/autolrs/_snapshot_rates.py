"""Rates: the learning rates of an optimizer, written and read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer

from ...schedules._checks import number, plain
from ...schedules._entries import Entry

_LR = Entry("lr")


class Rates:
    """The rates that an optimizer's groups held when this was made.

    Groups without a rate of their own (Adafactor's ``lr=None``) are left alone.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self.values: list[float] = _LR.read(_groups(optimizer))

    def scaled(self, lr: float | Sequence[float]) -> list[float]:
        """The rates to write for ``lr``: the first group's, the others in their present ratio.

        Raises:
            TypeError: not a number.
            ValueError: a negative rate, another number of them than groups, or a first rate of
                0, to which the others have no ratio.
        """
        if isinstance(lr, Sequence):
            if len(lr) != len(self.values):
                raise ValueError(f"lr={lr!r}: expected {len(self.values)}, one for each group")
            return [float(number("lr", one, low=0)) for one in lr]
        lr = float(number("lr", lr, low=0))
        first = self.values[0] if self.values else 0.0
        if all(value == first for value in self.values):
            return [lr] * len(self.values)
        if first == 0:
            raise ValueError(
                f"lr={lr!r}: the first group's rate is 0, so that the others ({self.values[1:]}) "
                "have no ratio to it; pass a list with one for each group"
            )
        return [lr * (value / first) for value in self.values]

    def write(self, values: Sequence[float] | None = None) -> None:
        """Write rates (by default those held at the start) and read them back.

        A tensor is filled in place.

        Raises:
            RuntimeError: the groups do not hold them then.
        """
        values = self.values if values is None else values
        groups = _groups(self._optimizer)
        _LR.write(groups, values)
        if not self.holds(values):
            raise RuntimeError(
                f"learning rate: wrote {list(values)}, and the optimizer holds {_LR.read(groups)}"
            )

    def holds(self, values: Sequence[float]) -> bool:
        """Whether the groups hold these rates, as far as a tensor's precision goes."""
        return _LR.holds(_groups(self._optimizer), values)


def _groups(optimizer: Optimizer) -> list[dict[str, Any]]:
    return [g for g in optimizer.param_groups if isinstance(plain(g.get("lr")), int | float)]
