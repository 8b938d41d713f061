"""What tasks of classes have in common: cross-entropy, the error in per cent, the usual rates."""

from collections.abc import Callable, Mapping

from torch import nn

from .batches import Dataset
from .objectives import CLASSIFICATION
from .task import WEIGHT_DECAY, Task


def classification(
    name: str,
    network: Callable[[], nn.Module],
    dataset: Callable[[], Dataset],
    *,
    train: int,
    batch: int,
    epochs: int,
    weight_decay: Mapping[str, float] = WEIGHT_DECAY,
) -> Task:
    """A task of classes.

    Args:
        name: Of the task.
        network: Makes a new network, which gives logits (n, classes).
        dataset: Gives the examples.
        train: How many of them are trained on.
        batch: Examples a batch.
        epochs: Passes at 100 % of the budget.
        weight_decay: For each optimizer.
    """
    return Task(
        name=name,
        metric="error %",
        total_steps=epochs * (train // batch),
        batch_size=batch,
        base_lrs={"sgd": 0.1, "adamw": 0.003},
        network=network,
        dataset=dataset,
        objective=CLASSIFICATION,
        weight_decay=weight_decay,
    )
