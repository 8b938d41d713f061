"""The run of ``ritard autolrs``: one Trainer, a checkpoint in the folder of the results."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from ...schedules import Schedule
from ...tuners.autolrs import AllDiverged, AutoLRSCallback
from ..compare.trial import quiet
from ..failure import Failure
from ..tasks import Batches, get_task
from ..trials.pool import Workers
from ..trials.stop import Interrupted, Stop
from ._autolrs_bar import Follow, SearchBar
from ._autolrs_keep import CHECKPOINT, Keep
from ._autolrs_report import Found


@dataclass(frozen=True)
class Asked:
    """What is run: all that its result depends on.

    Attributes:
        task: Name of a task.
        optimizer: "sgd" or "adamw".
        lr: Base rate.
        steps: Updates, without the search.
        base: The schedule that the factor multiplies, in its text form.
        seed: Of weights and batches.
        threads: Of torch.
        options: Of the search.
    """

    task: str
    optimizer: str
    lr: float
    steps: int
    base: str
    seed: int
    threads: int
    options: dict[str, Any]

    def settings(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def check(asked: Asked, base: Schedule) -> None:
    """Refuse what cannot be run, before anything is written."""
    task = get_task(asked.task)
    task.module(asked.optimizer, asked.lr)
    task.loaders(asked.seed)
    AutoLRSCallback(base, asked.steps, **asked.options)
    Workers(threads=asked.threads)


def run(asked: Asked, base: Schedule, folder: Path) -> Found:
    """Train with the search, score on the validation part, test the last iterate once.

    A run that was stopped or killed goes on from its checkpoint.

    Raises:
        KeyboardInterrupt: stopped by the user; the checkpoint is kept.
        Failure: the run diverged in a stage, whatever was tried.
    """
    stop = Stop()
    try:
        workers = Workers(threads=asked.threads)
        with workers.torch_threads(), quiet(), stop.on_signals():
            return _run(asked, base, folder, stop)
    except (Interrupted, SystemExit) as error:  # the Trainer's own answer to SIGTERM
        raise stop.interruption from error
    except AllDiverged as error:
        raise Failure(f"{error}; try a lower --lr") from error


def _run(asked: Asked, base: Schedule, folder: Path, stop: Stop) -> Found:
    task = get_task(asked.task)
    loaders = task.loaders(asked.seed)
    held_out = _held_out(loaders.val, task.batch_size, asked.options["scored"])
    pl.seed_everything(asked.seed, verbose=False)
    module = task.module(asked.optimizer, asked.lr)
    with SearchBar(asked.steps, asked.lr) as bar:
        shown = {"on_stage": bar.found, "search": bar.search}
        searched: dict[str, Any] = {"held_out": held_out, "score": _score, **asked.options, **shown}
        callback = AutoLRSCallback(base, asked.steps, **searched)
        keep = Keep(callback, folder / CHECKPOINT, stop)
        trainer = _trainer(asked.steps, callback, keep, Follow(bar))
        trainer.fit(module, loaders.train, ckpt_path=keep.found)
        test = trainer.test(module, loaders.test, verbose=False)[0]["test_metric"]
    return Found.of(asked.settings(), task.metric, callback, test if math.isfinite(test) else None)


def _trainer(steps: int, *callbacks: pl.Callback) -> pl.Trainer:
    return pl.Trainer(
        max_steps=steps,
        max_epochs=-1,
        accelerator="cpu",
        devices=1,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _held_out(val: Batches, size: int, count: int) -> list[Any]:
    """Parts of the validation examples, as many as are scored on, each of a batch at least."""
    inputs, targets = (torch.cat(part) for part in zip(*val, strict=True))
    parts = max(2, min(count, len(targets) // size))
    return list(zip(inputs.chunk(parts), targets.chunk(parts), strict=True))


def _score(module: Any, batch: Any) -> Tensor:
    """The objective's training loss; the module's own record of losses does not see it."""
    return module.objective.loss(module.network, batch)
