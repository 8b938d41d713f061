"""One run: train at a rate under a schedule, validate and test the last iterate."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch

from ..rules import driver
from ..tasks import Task, get_task
from ..trials.stop import Interrupted
from .grid import Run
from .outcome import Curve, Outcome

BINS = 50


class _Diverged(Exception):
    """The training loss is no longer finite."""


class _Guard(pl.Callback):
    """Leaves the run at once when it diverges or when the user wants an end.

    Raising is what the Trainer cleans up after; a KeyboardInterrupt it would turn into an exit.
    """

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the newest loss."""
        del trainer, outputs, batch, batch_idx
        if self._stop():
            raise Interrupted
        if not torch.isfinite(pl_module.train_losses.last):
            raise _Diverged


def train(run: Run, accelerator: str = "cpu", stop: Callable[[], bool] = lambda: False) -> Outcome:
    """Do a run from its seed alone, so that its result is the same in every worker.

    Validation and test are read once, after the last update.

    Raises:
        Interrupted: ``stop()`` said so.
    """
    start = time.perf_counter()
    task = get_task(run.cell.setting.task)
    with quiet():
        # Weights come from the global generator, the order of batches from the loaders' own.
        pl.seed_everything(run.seed, verbose=False)
        module = task.module(run.cell.setting.optimizer, run.rate.value)
        val, test = _fit_and_read(task, module, run, accelerator, stop)
    losses = module.train_losses.tolist()
    return Outcome(
        val=val,
        test=test,
        lr=run.rate.value,
        diverged=not math.isfinite(val),
        updates=len(losses),
        seconds=round(time.perf_counter() - start, 3),
        curve=binned(losses, run.updates),
    )


def _fit_and_read(
    task: Task, module: Any, run: Run, accelerator: str, stop: Callable[[], bool]
) -> tuple[float, float]:
    """Validation and test metric of the last iterate, inf where the run diverged."""
    loaders = task.loaders(run.seed)
    trainer = pl.Trainer(
        max_steps=run.updates,
        accelerator=accelerator,
        devices=1,
        callbacks=[driver(run.cell.schedule), _Guard(stop)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    try:
        trainer.fit(module, loaders.train)
    except _Diverged:
        return math.inf, math.inf
    except SystemExit as error:  # how Lightning answers SIGTERM, and Ctrl-C in its own code
        raise Interrupted from error
    val = _finite(trainer.validate(module, loaders.val, verbose=False)[0]["val_metric"])
    if math.isinf(val):
        return math.inf, math.inf
    return val, _finite(trainer.test(module, loaders.test, verbose=False)[0]["test_metric"])


def binned(losses: Sequence[float], total: int, bins: int = BINS) -> Curve:
    """Mean losses in at most ``bins`` bins, each at the middle of its part of ``total`` updates.

    What is not finite is left out.

    Example:
        >>> binned([4.0, 2.0, 1.0, 1.0], total=4, bins=2)
        ((0.25, 3.0), (0.75, 1.0))
    """
    points = list[tuple[float, float]]()
    for part in np.array_split(np.arange(len(losses)), min(bins, max(1, len(losses)))):
        found = [losses[i] for i in part if math.isfinite(losses[i])]
        if found:
            middle = (float(part[0]) + float(part[-1]) + 1) / 2 / total
            points.append((round(middle, 6), sum(found) / len(found)))
    return tuple(points)


def _finite(metric: float) -> float:
    return metric if math.isfinite(metric) else math.inf


@contextmanager
def quiet() -> Generator[None]:
    """Lightning's advice on workers and devices is not for a comparison of thousands of runs."""
    loggers = [logging.getLogger(f"lightning.{name}") for name in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
