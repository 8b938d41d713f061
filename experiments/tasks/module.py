"""The Lightning module that all tasks share."""

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from .batches import Batch
from .losses import Losses
from .objectives import Objective


class TaskModule(LightningModule):
    """A network under an objective and an optimizer; no schedule: the caller adds a callback.

    Logs ``val_metric`` and ``test_metric`` at the end of an evaluation: the sum over all
    examples divided by their number, whatever the batches. A loss that is not a number is
    returned, logged and kept as it is.

    Args:
        network: What is trained.
        objective: Its loss and metric.
        optimizer: ``"sgd"`` (momentum 0.9) or ``"adamw"``.
        lr: The base learning rate.
        weight_decay: Of the optimizer.

    Attributes:
        network: As given.
        lr: As given.
        optimizer_name: As given.
        train_losses: The loss of every training batch, kept without waiting for the device.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        optimizer: str,
        lr: float,
        *,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.objective = objective
        self.optimizer_name = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.train_losses = Losses()
        self._sums: list[Tensor] = []
        self._count = 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer, at the base learning rate."""
        if self.optimizer_name == "sgd":
            return torch.optim.SGD(
                self.parameters(), self.lr, momentum=0.9, weight_decay=self.weight_decay
            )
        if self.optimizer_name == "adamw":
            return torch.optim.AdamW(self.parameters(), self.lr, weight_decay=self.weight_decay)
        raise ValueError(f"optimizer={self.optimizer_name!r}: expected 'sgd' or 'adamw'")

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a batch, a scalar."""
        del batch_idx
        loss = self.objective.loss(self.network, batch)
        self.train_losses.append(loss)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Start to count."""
        self._start()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add the scores of a batch."""
        del batch_idx
        self._add(batch)

    def on_validation_epoch_end(self) -> None:
        """Log ``val_metric``."""
        self.log("val_metric", self._mean())

    def on_test_epoch_start(self) -> None:
        """Start to count."""
        self._start()

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Add the scores of a batch."""
        del batch_idx
        self._add(batch)

    def on_test_epoch_end(self) -> None:
        """Log ``test_metric``."""
        self.log("test_metric", self._mean())

    def _start(self) -> None:
        self._sums, self._count = [], 0

    def _add(self, batch: Batch) -> None:
        scores = self.objective.score(self.network, batch)
        self._sums.append(scores.sum())
        self._count += scores.numel()

    def _mean(self) -> float:
        # In double on the CPU: some accelerators have no float64.
        return torch.stack(self._sums).cpu().double().sum().item() / self._count
