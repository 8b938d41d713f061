"""Updates as a Lightning Trainer makes them, without its noticing."""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor

from ._replay_batch import RecordedBatch
from ._training import evaluation

Score = Callable[[Any, Any], Tensor]
"""The loss of a module on a batch: a scalar or one value an example."""


class LightningTraining:
    """An update by the Trainer's own automatic optimization, off its records.

    Precision, clipping, the module's hooks and the strategy work as in the fit loop; counters,
    callbacks, loggers and ``self.log`` do not see it.

    Args:
        trainer: In its fit loop.
        module: With automatic optimization.
        score: The loss to compare scales by; by default that of ``training_step``.
        state: What else changes while training.
    """

    def __init__(
        self, trainer: Any, module: Any, score: Score | None, state: Sequence[Any]
    ) -> None:
        self._trainer, self._module, self._score = trainer, module, score
        self._optimizer = trainer.optimizers[0]
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        found = (module, self._optimizer, scaler, *state)
        self.parts: Sequence[Any] = tuple(part for part in found if part is not None)
        # A loop of its own: its progress is not what the Trainer's global_step is read from.
        loop = type(trainer.fit_loop.epoch_loop.automatic_optimization)
        self._loop = loop(trainer)
        home = loop.__module__.split(".loops.")[0]
        utilities: Any = importlib.import_module(f"{home}.loops.utilities")
        self._unsynced: Callable[..., AbstractContextManager[None]] = (
            utilities._block_parallel_sync_behavior
        )

    def step(self, batches: Sequence[RecordedBatch]) -> Tensor:
        """One update; of several batches all but the last only add to the gradients."""
        with self._unseen():
            for recorded in batches[:-1]:
                batch, index = recorded.again()
                with self._unsynced(self._trainer.strategy, block=True):
                    self._loop._make_closure(self._kwargs(batch, index), self._optimizer, index)()
            batch, index = batches[-1].again()
            outputs = self._loop.run(self._optimizer, index, self._kwargs(batch, index))
        return loss_of(outputs)

    def score(self, batches: Sequence[Any]) -> Tensor:
        """Mean loss of each batch, in evaluation mode."""
        with self.evaluating():
            return torch.stack([self._loss(*pair).float().mean() for pair in batches])

    @contextmanager
    def evaluating(self) -> Generator[None]:
        """Evaluation mode, without gradients, at the Trainer's precision."""
        with self._unseen(), evaluation([self._module], self._optimizer):
            with self._trainer.precision_plugin.train_step_context():
                yield

    def to_device(self, batch: Any) -> Any:
        """A batch as the fit loop would hand it to the module."""
        batch = self._trainer.precision_plugin.convert_input(batch)
        batch = self._module._on_before_batch_transfer(batch, dataloader_idx=0)
        return self._trainer.strategy.batch_to_device(batch, dataloader_idx=0)

    def _loss(self, batch: Any, index: int) -> Tensor:
        if self._score is not None:
            return self._score(self._module, batch)
        return loss_of(self._module.training_step(*self._kwargs(batch, index).values()))

    def _kwargs(self, batch: Any, index: int) -> OrderedDict[str, Any]:
        return self._trainer.fit_loop.epoch_loop._build_kwargs(OrderedDict(), batch, index)

    @contextmanager
    def _unseen(self) -> Generator[None]:
        """Callbacks, loggers and the module's own logging see nothing."""
        trainer, module = self._trainer, self._module
        callbacks, loggers = trainer.callbacks, trainer.loggers
        trainer.callbacks, trainer.loggers = [], []
        module.log = module.log_dict = _nothing
        try:
            yield
        finally:
            del module.log, module.log_dict
            trainer.callbacks, trainer.loggers = callbacks, loggers


def loss_of(outputs: Any) -> Tensor:
    """The loss in what a training step, or the Trainer's loop, gave."""
    loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
    if not isinstance(loss, Tensor):
        raise ValueError(
            f"AutoLRSCallback: training_step gave {type(outputs).__name__} without a loss; a stage "
            "of the search needs one at every update"
        )
    return loss.detach()


def _nothing(*args: Any, **kwargs: Any) -> None:
    del args, kwargs
