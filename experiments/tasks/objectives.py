"""What is minimised in training, and what is measured."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .batches import Batch


@dataclass(frozen=True)
class Objective:
    """A training loss and a metric.

    Attributes:
        loss: Of a network and a batch: the scalar that is trained on.
        score: Of a network and a batch: one value for each example, 1-D; the metric is the
            mean over a whole part of the data. Not-a-number is passed on.
    """

    loss: Callable[[nn.Module, Batch], Tensor]
    score: Callable[[nn.Module, Batch], Tensor]


def mean_cross_entropy(network: nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy of logits (n, classes, ...) in nats, a scalar."""
    inputs, targets = batch
    return F.cross_entropy(network(inputs), targets)


def each_cross_entropy(network: nn.Module, batch: Batch) -> Tensor:
    """Cross-entropy of every target in nats, 1-D."""
    inputs, targets = batch
    return F.cross_entropy(network(inputs), targets, reduction="none").flatten()


def each_error(network: nn.Module, batch: Batch) -> Tensor:
    """100 for a wrong label and 0 for a right one, (n,): the mean is the error in per cent.

    An example whose logits are not numbers counts as wrong.
    """
    inputs, targets = batch
    logits = network(inputs)
    wrong = (logits.argmax(1) != targets) | logits.isnan().any(1)
    return 100.0 * wrong.to(torch.float32)


CLASSIFICATION = Objective(loss=mean_cross_entropy, score=each_error)
"""Trained on cross-entropy, measured by the error rate in per cent."""

LIKELIHOOD = Objective(loss=mean_cross_entropy, score=each_cross_entropy)
"""Trained on and measured by cross-entropy in nats."""
