"""A training from its seed: network, endless batches, loss, and the parts it is measured on."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from ..tasks import get_task
from ..tasks.batches import Batch, Batches, Examples
from .setting import Setting

Part = Literal["val", "test", "read"]
_HELD_OUT = 64
_RECALIBRATION = 20
"""Batches that batch normalisation sees again where the weights it is evaluated at differ."""


class Problem:
    """What a method is given to train; its state is that of the seed.

    Args:
        setting: The task and its size.
        seed: Of the weights and of the order of batches.

    Attributes:
        network: The module that is trained.
        optimizer: What trains it, once a method has chosen it: evaluation must know.
    """

    def __init__(self, setting: Setting, seed: int) -> None:
        self.setting = setting
        self._task = get_task(setting.task)
        torch.manual_seed(seed)
        self.network = self._task.network()
        self.optimizer: Optimizer | None = None
        data = self._task.dataset()
        self._train, val, test = data.loaders(setting.batch_size, seed)
        read = _first(data.test, setting.read)
        fewer = Batches(read, test.batch_size, prepare=data.prepare)
        self._parts = {"val": val, "test": test, "read": fewer}
        self._val = Batches(data.val, max(_HELD_OUT, setting.batch_size), prepare=data.prepare)

    def own_optimizer(self, lr: float) -> Optimizer:
        """The task's optimizer at a rate, with its weight decay."""
        settings: dict[str, Any] = {"lr": lr, "weight_decay": self.weight_decay}
        if self.setting.optimizer == "sgd":
            return SGD(self.network.parameters(), momentum=0.9, **settings)
        return AdamW(self.network.parameters(), **settings)

    @property
    def weight_decay(self) -> float:
        """Of the task under its optimizer."""
        return self._task.weight_decay[self.setting.optimizer]

    def batches(self) -> Iterator[Batch]:
        """Training batches, pass after pass."""
        while True:
            yield from self._train

    def held_out(self, count: int) -> list[Batch]:
        """The first validation batches, of 64 examples or a training batch's; no test examples."""
        return list(islice(self._val, count))

    def loss(self, batch: Batch) -> Tensor:
        """Training loss of a batch, a scalar."""
        return self._task.objective.loss(self.network, batch)

    def update(self, batch: Batch) -> Tensor:
        """One update of the optimizer; returns its loss."""
        assert self.optimizer is not None
        self.optimizer.zero_grad()
        loss = self.loss(batch)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def metric(self, part: Part) -> float:
        """Mean score of all examples of a part, in evaluation mode; the training is unchanged."""
        with self.evaluating():
            scores = [self._task.objective.score(self.network, b) for b in self._parts[part]]
            total = sum(float(score.double().sum()) for score in scores)
        return total / sum(score.numel() for score in scores)

    def mean_loss(self) -> float:
        """Mean training loss over the whole validation part, in evaluation mode."""
        with self.evaluating():
            losses = [(float(self.loss(b)), len(b[1])) for b in self._parts["val"]]
        return sum(loss * n for loss, n in losses) / sum(n for _, n in losses)

    @contextmanager
    def evaluating(self) -> Generator[None]:
        """Evaluation mode, of an optimizer that has one (Schedule-Free) as well."""
        averaged: Any = self.optimizer if hasattr(self.optimizer, "eval") else None
        with torch.no_grad():
            if averaged is not None:
                averaged.eval()
                with _buffers_kept(self.network):
                    self._recalibrate()
                    yield from self._in_eval_mode()
                averaged.train()
            else:
                yield from self._in_eval_mode()

    def _in_eval_mode(self) -> Generator[None]:
        self.network.eval()
        yield
        self.network.train()

    def _recalibrate(self) -> None:
        """Statistics of batch normalisation at the averaged weights, from training examples."""
        if any(isinstance(part, nn.BatchNorm2d) for part in self.network.modules()):
            rows = _first(self._train.examples, _RECALIBRATION * 64)
            ordered = Batches(rows, 64, prepare=self._train._prepare)
            for batch in ordered:
                self.loss(batch)


def _first(examples: Examples, count: int | None) -> Examples:
    return Examples(*(t[:count] for t in examples))


@contextmanager
def _buffers_kept(network: nn.Module) -> Generator[None]:
    kept = [buffer.clone() for buffer in network.buffers()]
    yield
    for buffer, value in zip(network.buffers(), kept, strict=True):
        buffer.copy_(value)
