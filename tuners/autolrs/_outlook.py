"""The losses of a candidate of the faithful mode, and what is forecast from them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ._bench import Bench
from ._faithful_settings import FaithfulSettings


class Outlook:
    """Where a candidate's probe would lead to by the end of its stage.

    Training losses are extrapolated until, with ``on_validation``, those of ``val_fn`` at 16
    points of the probe take their place.

    Attributes:
        on_validation: Whether validation losses are used.
        first_validation: The first validation loss of the run, of a candidate that did not
            diverge; None before.
    """

    def __init__(self, settings: FaithfulSettings, bench: Bench) -> None:
        self._settings, self._bench = settings, bench
        self.on_validation = False
        self.first_validation: float | None = None

    def begin(self, window: int) -> None:
        """A candidate's probe of ``window`` updates begins."""
        self._every = max(1, window // 16)
        self._losses: list[Tensor] = []
        self._values: list[Tensor] = []

    def __len__(self) -> int:
        """Updates of the probe so far."""
        return len(self._losses)

    def observe(self, loss: Tensor) -> None:
        """Keep a training loss, and every 16th part of the window a validation loss."""
        self._losses.append(loss.detach().reshape(()))
        if self.on_validation and len(self._losses) % self._every == 0:
            assert self._settings.val_fn is not None
            with self._bench.training.evaluating():
                value = torch.as_tensor(self._settings.val_fn()).detach().float().mean()
            self._values.append(value)
            self._bench.ledger.scored += 1

    def predicted(self, tau: int) -> float:
        """The loss that is forecast for the end of the stage; NaN where one was not finite."""
        if not self.on_validation:
            y = self._bench.read(self._losses)
            return self._settings.forecast(y, tau).value if _finite(y) else math.nan
        y = self._bench.read(self._values)
        if not _finite(y):
            return math.nan
        if self.first_validation is None:
            self.first_validation = y[0]
        if max(y) >= self.first_validation:
            return y[-1]  # a forecast after a jump is not trusted
        return self._settings.val_forecast(y, tau // self._every).value


def _finite(values: Sequence[float]) -> bool:
    return all(math.isfinite(value) for value in values)
