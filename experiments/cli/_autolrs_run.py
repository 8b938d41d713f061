"""The run of ``ritard autolrs``."""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from ...schedules import Schedule
from ...tuners.autolrs import AutoLRSCallback
from ..compare.trial import _quiet
from ..tasks import Batches, Task
from ._autolrs_bar import Follow, SearchBar


def run(
    task: Task,
    optimizer: str,
    lr: float,
    steps: int,
    seed: int,
    base: Schedule,
    options: dict[str, Any],
) -> tuple[AutoLRSCallback, float | None]:
    """Train with the search, score on the validation part, test the last iterate once.

    Returns:
        The callback, and the test metric; None where it is not finite.
    """
    loaders = task.loaders(seed)
    held_out = _held_out(loaders.val, task.batch_size, options["scored"])
    # What is wrong with the arguments is said before a bar is drawn.
    AutoLRSCallback(base, steps, **options)
    with _quiet(), SearchBar(steps, lr) as bar:
        shown = {"on_stage": bar.found, "search": bar.search}
        callback = AutoLRSCallback(base, steps, held_out=held_out, score=_score, **shown, **options)
        pl.seed_everything(seed, verbose=False)
        module = task.module(optimizer, lr)
        trainer = pl.Trainer(
            max_steps=steps,
            max_epochs=-1,
            accelerator="cpu",
            devices=1,
            callbacks=[callback, Follow(bar)],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, loaders.train)
        test = trainer.test(module, loaders.test, verbose=False)[0]["test_metric"]
    return callback, test if math.isfinite(test) else None


def _held_out(val: Batches, size: int, count: int) -> list[Any]:
    """Parts of the validation examples, as many as are scored on, each of a batch at least."""
    inputs, targets = (torch.cat(part) for part in zip(*val, strict=True))
    parts = max(2, min(count, len(targets) // size))
    return list(zip(inputs.chunk(parts), targets.chunk(parts), strict=True))


def _score(module: Any, batch: Any) -> Tensor:
    """The objective's training loss; the module's own record of losses does not see it."""
    return module.objective.loss(module.network, batch)
