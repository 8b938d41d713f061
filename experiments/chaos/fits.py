"""A Lightning fit that goes on from its last checkpoint: ``python fits.py CALLBACK STEPS OUT``.

As a user would write it: a ModelCheckpoint every few updates, and on restart ``ckpt_path``.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn

from ...schedules import REX, GradNormCallback, GradNorms, ScheduleCallback
from ...tuners import OnlineRefinementCallback
from ...tuners.autolrs import AutoLRSCallback
from ..records import write_json
from ..tasks.batches import Batches, Examples
from . import script
from .kept import digest

EVERY = 20
"""Updates between two checkpoints."""


class Regression(LightningModule):
    """A small network."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of a batch."""
        del batch_idx
        inputs, targets = batch
        return (self.net(inputs) - targets).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer, at the base rate."""
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


class Saves(ModelCheckpoint):
    """A checkpoint every few updates, but none while a stage of a search is recorded."""

    def __init__(self, folder: Path, tried: Callback) -> None:
        super().__init__(folder, "{step}", every_n_train_steps=EVERY, save_top_k=-1)
        self._tried = tried

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save where due."""
        if getattr(self._tried, "between_stages", True):
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)


def callbacks(name: str, steps: int, out: Path) -> list[Callback]:
    """The callback that is tried, first, and what it needs beside it."""
    if name == "norms":
        return [GradNormCallback(out / "norms.jsonl"), ScheduleCallback(REX().warmup(0.05))]
    made: dict[str, Callable[[], Callback]] = {
        "schedule": lambda: ScheduleCallback(REX().warmup(0.05)),
        "online": OnlineRefinementCallback,
        "autolrs": lambda: AutoLRSCallback(
            total_steps=steps,
            held_out=[*_batches(64, seed=1)],
            overhead=0.5,
            stages=2,
            candidates=3,
            scored=4,
        ),
    }
    return [made[name]()]


def fit(name: str, steps: int, out: Path) -> None:
    """Fit from the last checkpoint, or from the start, and write what came out."""
    folder = out / "checkpoints"
    found = sorted(folder.glob("*.ckpt"), key=lambda path: int(path.stem.partition("=")[2]))
    tried = callbacks(name, steps, out)
    trainer = Trainer(
        max_steps=steps, max_epochs=-1, accelerator="cpu", logger=False,
        callbacks=[*tried, Saves(folder, tried[0])], enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    module = Regression()
    # The loader is saved in the checkpoint, and goes on where its pass stood.
    trainer.fit(module, _batches(16, seed=0), ckpt_path=found[-1] if found else None)
    write_json(out / "result.json", result(module, trainer, tried, out))


def result(module: Any, trainer: Any, tried: list[Callback], out: Path) -> dict[str, Any]:
    """Weights and optimizer state bit for bit, the callback's state, what it logged."""
    states = trainer.optimizers[0].state_dict()["state"].values()
    found: dict[str, Any] = {
        "weights": digest(module.state_dict().values()),
        "optimizer": digest(torch.as_tensor(v) for state in states for v in state.values()),
        "rate": trainer.optimizers[0].param_groups[0]["lr"],
        "callback": tried[0].state_dict(),
        "schedulers": [c.scheduler.state_dict() for c in trainer.lr_scheduler_configs],
        "updates": trainer.global_step,
    }
    log = out / "norms.jsonl"
    if log.exists():
        norms = GradNorms.load(log)
        found["norms"] = [norms.steps.tolist(), norms.norms.tolist()]
    return found


def _batches(size: int, seed: int) -> Batches:
    inputs = torch.randn(1024, 8, generator=torch.Generator().manual_seed(seed))
    return Batches(Examples(inputs, inputs.sum(1, keepdim=True).sin()), size, seed=seed)


def main() -> None:
    """The command line."""
    warnings.filterwarnings("ignore")
    warnings.filterwarnings("default", "GradNorm")  # what it could not write
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    script.run(fit)


if __name__ == "__main__":
    main()
