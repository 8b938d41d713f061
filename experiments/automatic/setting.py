"""What is trained: a task cut to a size, and where every method begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Setting:
    """A task of :mod:`ritard.experiments.tasks` at a length and a batch size.

    Attributes:
        name: As ``"logreg"``.
        task: The task's name.
        optimizer: ``"sgd"`` (momentum 0.9) or ``"adamw"``.
        steps: Updates of the optimizer that every method has, its search included.
        batch_size: Examples a batch.
        around: Where the grid of the tuned schedules begins: the rate that the task's other
            comparisons found, or near it. It widens where the best of it is at an edge.
        tau0: Updates of the first stage of faithful AutoLRS: 1000 is the released constant.
        read: Test examples that are read on the way; None for all. At the end all are read.
    """

    name: str
    task: str
    optimizer: str
    steps: int
    batch_size: int
    around: float
    tau0: int
    read: int | None = None


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        setting.name: setting
        for setting in (
            Setting("logreg", "logreg:letter.scale", "sgd", 30_000, 64, 0.9, tau0=1000),
            Setting("mlp", "fashion:mlp", "adamw", 14_000, 16, 0.001, tau0=1000),
            Setting("shakespeare", "shakespeare", "adamw", 1500, 8, 0.003, tau0=107, read=300),
            Setting("fashion", "fashion", "adamw", 1500, 32, 0.001, tau0=107, read=2000),
            Setting("cifar10", "cifar10:resnet8", "sgd", 1500, 8, 0.1, tau0=107, read=1000),
        )
    }
)
"""The settings of the comparison, the cheapest first.

logreg and mlp are long enough for the constants that AutoLRS was released with (tau 1000, 2000,
4000, ...); elsewhere tau0 is such that the first three stages, searches included, fill the run.
No run is so short that a tenth of it does not pay for a stage of five probes of 20 updates;
batches are small for that, so that a run takes a minute or less on one thread.
"""
