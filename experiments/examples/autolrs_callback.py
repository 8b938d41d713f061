"""A learning rate found in a Lightning Trainer. Run it: python autolrs_callback.py."""

from typing import Any, cast

import torch
from lightning import LightningModule, Trainer
from ritard.tuners.autolrs import AutoLRSCallback
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

x, y = map(torch.tensor, cast("Any", load_digits(return_X_y=True)))
train, held_out = random_split(TensorDataset(x, y), [1400, 397], torch.Generator().manual_seed(0))


class Digits(LightningModule):
    """Logistic regression, at a rate that is far too small."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Linear(64, 10)

    def training_step(self, batch: Any) -> torch.Tensor:
        """One batch."""
        return torch.nn.functional.cross_entropy(self.net(batch[0].float() / 16), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer alone."""
        return torch.optim.SGD(self.parameters(), lr=0.001, momentum=0.9)


tuner = AutoLRSCallback(held_out=DataLoader(held_out, batch_size=50), on_stage=print)
quiet: Any = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
trainer = Trainer(max_epochs=60, accelerator="cpu", callbacks=[tuner], **quiet)
trainer.fit(Digits(), DataLoader(train, batch_size=64, shuffle=True))
print(f"{trainer.global_step} updates, and {tuner.ledger.search} tried beside them")
print(f"learned: {tuner.schedule().table[:3]} ...")
