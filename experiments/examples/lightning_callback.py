"""ScheduleCallback in a Lightning Trainer: the Trainer knows the horizon.

Run it: python lightning_callback.py
"""

from typing import Any, cast

import torch
from lightning import LightningModule, Trainer
from ritard.schedules import REX, ScheduleCallback
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

x, y = map(torch.tensor, cast("Any", load_digits(return_X_y=True)))


class Digits(LightningModule):
    """Logistic regression; configure_optimizers returns the optimizer alone."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Linear(64, 10)

    def training_step(self, batch: Any) -> torch.Tensor:
        """One batch."""
        return torch.nn.functional.cross_entropy(self.net(batch[0].float() / 16), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD at its peak rate."""
        return torch.optim.SGD(self.parameters(), lr=0.5, momentum=0.9)


quiet: Any = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
schedule = ScheduleCallback(REX().warmup(0.05))
trainer = Trainer(max_epochs=3, accelerator="cpu", callbacks=[schedule], **quiet)
trainer.fit(Digits(), DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True))
rate = trainer.optimizers[0].param_groups[0]["lr"]
print(f"{trainer.global_step} updates, from a peak of 0.5 down to {rate:.3g}")
