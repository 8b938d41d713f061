"""A task: what is trained on what, for how long, and how it is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import nn

from ...schedules._checks import number, one_of
from ..data._extra import extra
from .batches import Dataset, Loaders
from .objectives import Objective

if TYPE_CHECKING:
    from .module import TaskModule

WEIGHT_DECAY: Mapping[str, float] = {"sgd": 0.0, "adamw": 0.01}
"""For each optimizer: torch's own default for AdamW."""


@dataclass(frozen=True)
class Task:
    """A network, its data, its objective and its full budget.

    Data are loaded on first use and kept for the process; making a Task reads nothing.

    Attributes:
        name: As ``"digits"`` or ``"logreg:iris"``.
        metric: Stem of the metric's name, as ``"error %"`` or ``"loss"``; lower is better.
        total_steps: Optimizer updates at 100 % of the budget: epochs x batches an epoch.
        batch_size: Examples a training batch; a last, smaller batch is left out.
        base_lrs: For ``"sgd"`` and ``"adamw"``, where a grid of learning rates starts.
        network: Makes a new network, with weights from torch's global generator.
        dataset: Gives the examples, cached.
        objective: The training loss and the metric.
        weight_decay: For each optimizer; 0 for SGD and torch's 0.01 for AdamW if not given.

    Example:
        >>> from ritard.experiments.tasks import get_task
        >>> loaders = get_task("digits").loaders(seed=0)
        >>> [tuple(tensor.shape) for tensor in next(iter(loaders.train))]
        [(32, 64), (32,)]
    """

    name: str
    metric: str
    total_steps: int
    batch_size: int
    base_lrs: Mapping[str, float]
    network: Callable[[], nn.Module]
    dataset: Callable[[], Dataset]
    objective: Objective
    weight_decay: Mapping[str, float] = field(default_factory=lambda: WEIGHT_DECAY)

    def module(self, optimizer: str, lr: float) -> TaskModule:
        """A new network as a Lightning module; seed torch's global generator first.

        Args:
            optimizer: ``"sgd"`` (momentum 0.9) or ``"adamw"``.
            lr: The base learning rate, > 0.

        Raises:
            TypeError: a rate that is no number.
            ValueError: another optimizer, or a rate that is not positive and finite.
        """
        with extra():
            from .module import TaskModule
        one_of("optimizer", optimizer, self.base_lrs)
        number("lr", lr, low=0, open_low=True)
        decay = self.weight_decay[optimizer]
        return TaskModule(self.network(), self.objective, optimizer, lr, weight_decay=decay)

    def loaders(self, seed: int) -> Loaders:
        """New loaders of the training, validation and test batches.

        Args:
            seed: Of the order (and augmentation) of the training batches; the split between
                the three parts does not depend on it.

        Raises:
            FileNotFoundError, OSError: the data are not there; see ``ritard data``.
        """
        return self.dataset().loaders(self.batch_size, seed)
