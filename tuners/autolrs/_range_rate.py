"""RateWriter: a learning rate for the next update, and proof that it was the one used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer

from ._snapshot_rates import Rates


class RateWriter:
    """Writes rates, keeping the groups' ratios, and looks at them when the optimizer steps.

    Attributes:
        updates: How often the optimizer stepped while it was watched.

    Raises:
        TypeError: not an optimizer.
        ValueError: no group has a rate.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"optimizer={optimizer!r}: expected a torch.optim.Optimizer")
        self._optimizer, self._rates = optimizer, Rates(optimizer)
        if not self._rates.values:
            raise ValueError("optimizer: no group has a learning rate that is a number")
        self._written: Sequence[float] = self._rates.values
        self.updates = 0

    def write(self, rate: float) -> None:
        """Write the first group's rate; the others follow in the ratio of the start."""
        self._written = self._rates.scaled(rate)
        self._rates.write(self._written)

    def __enter__(self) -> RateWriter:
        self._hook = self._optimizer.register_step_pre_hook(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()

    def _look(self, *_: Any) -> None:
        self.updates += 1
        if not self._rates.holds(self._written):
            raise RuntimeError(
                f"range_test: the rate to try was {self._written[0]:.3g}, and step() changed it "
                "before optimizer.step(); step a scheduler after the optimizer"
            )
