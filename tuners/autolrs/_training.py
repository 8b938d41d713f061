"""Training: what AutoLRS needs to run updates by itself, and its form for a plain loop."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ._replay_batch import RecordedBatch
from ._snapshot_random import RandomState


class Training(Protocol):
    """How an update is made and a batch is scored."""

    @property
    def parts(self) -> Sequence[Any]:
        """What changes while training: for :class:`Snapshot`."""
        ...

    def step(self, batches: Sequence[RecordedBatch]) -> Tensor:
        """One update of the optimizer on recorded batches (several where gradients accumulate).

        Returns:
            The training loss, a scalar that was not waited for.
        """
        ...

    def score(self, batches: Sequence[Any]) -> Tensor:
        """Mean loss of each batch, (n,), in evaluation mode; nothing is changed by it."""
        ...

    def evaluating(self) -> Any:
        """A context in evaluation mode, without gradients, that leaves random numbers alone."""
        ...


class PlainTraining:
    """An update as a plain loop makes it.

    Args:
        model: The module, perhaps wrapped for data parallelism.
        optimizer: Its optimizer.
        loss: The loss of a batch, a scalar or one value an example.
        step: Makes an update on a batch and returns its loss; by default ``loss``, backward and
            ``optimizer.step()``.
        state: What else changes: a GradScaler, averages, other modules.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        loss: Callable[[Any], Tensor],
        step: Callable[[Any], Tensor] | None,
        state: Sequence[Any],
    ) -> None:
        if not isinstance(model, nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"model={model!r}: expected a torch.nn.Module")
        if not callable(loss):
            raise TypeError(f"loss={loss!r}: expected a function of a batch")
        self.parts: Sequence[Any] = (model, optimizer, *state)
        self._modules = [part for part in self.parts if isinstance(part, nn.Module)]
        self._optimizer = optimizer
        self._loss = loss
        self.update = step or self._update

    def step(self, batches: Sequence[RecordedBatch]) -> Tensor:
        """One update on the recorded batch."""
        (batch,) = batches
        return self.update(batch.again())

    def score(self, batches: Sequence[Any]) -> Tensor:
        """Mean loss of each batch."""
        with self.evaluating():
            return torch.stack([self._loss(batch).float().mean() for batch in batches])

    @contextmanager
    def evaluating(self) -> Generator[None]:
        """Evaluation mode, without gradients; modes and random numbers are put back."""
        with evaluation(self._modules, self._optimizer):
            yield

    def _update(self, batch: Any) -> Tensor:
        self._optimizer.zero_grad()
        loss = self._loss(batch).mean()
        loss.backward()
        self._optimizer.step()
        return loss.detach()


@contextmanager
def evaluation(modules: Sequence[nn.Module], optimizer: Any) -> Generator[None]:
    """Evaluation mode of modules and of an optimizer that has one (as Schedule-Free has)."""
    random = RandomState()
    modes = [(module, module.training) for root in modules for module in root.modules()]
    has_modes = hasattr(optimizer, "eval") and hasattr(optimizer, "train")
    for root in modules:
        root.eval()
    if has_modes:
        optimizer.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if has_modes:
            optimizer.train()
        for module, training in modes:
            module.training = training
        random.restore()
