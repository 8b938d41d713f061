"""Lightning, two optimizers, a schedule for each. Run it: python gan_two_optimizers.py."""

from typing import Any, cast

import torch
from lightning import LightningModule, Trainer
from ritard.schedules import REX, Cosine, ScheduleCallback


class GAN(LightningModule):
    """A generator shifts noise; a linear critic tells it how far it is off."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.nets = torch.nn.ParameterList([torch.zeros(1), torch.zeros(1)])  # critic, generator

    def training_step(self, _: int) -> None:
        """One update of each."""
        slope, shift = self.nets
        off = (torch.randn(64) + shift - torch.normal(3.0, 1.0, (64,))).mean()
        losses = slope * off.detach() + slope**2 / 2, -slope.detach() * off
        optimizers, schedulers = cast("Any", (self.optimizers(), self.lr_schedulers()))
        for optimizer, scheduler, loss in zip(optimizers, schedulers, losses, strict=True):
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            scheduler.step()  # the Trainer does not, under manual optimization

    def configure_optimizers(self) -> Any:
        """One for each."""
        return [torch.optim.SGD([p], lr=0.5) for p in self.nets]


both: Any = [ScheduleCallback(Cosine(), 60, optimizer=0), ScheduleCallback(REX(), 60, optimizer=1)]
trainer = Trainer(max_epochs=1, accelerator="cpu", callbacks=both, barebones=True)
trainer.fit(model := GAN(), range(60))
print(f"learned {model.nets[1].item():.2f} for a mean of 3")
