"""CIFAR-10 with ResNet-20, and with ResNet-8 on a part of it for the CPU."""

from functools import cache, partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..data import cifar10
from .batches import Dataset
from .classification import classification
from .resnet import ResNet
from .splits import Standardise, examples, hold_out
from .task import Task

_CLASSES = 10
_MARGIN = 4


def crop_and_flip(x: Tensor, generator: torch.Generator) -> Tensor:
    """Shift every image by up to 4 pixels each way, filling with 0, and mirror half of them.

    Args:
        x: (n, channels, h, w), any dtype.
        generator: Where the n shifts and mirrorings come from.

    Returns:
        The shape and dtype of ``x``.

    Source: He et al. (2016), section 4.2.
    """
    n, channels, height, width = x.shape
    padded = F.pad(x, [_MARGIN] * 4)
    top, left = torch.randint(2 * _MARGIN + 1, (2, n, 1), generator=generator)
    mirrored = torch.rand(n, 1, generator=generator) < 0.5
    rows = top + torch.arange(height)
    columns = left + torch.arange(width)
    columns = torch.where(mirrored, columns.flip(1), columns)
    return padded[
        torch.arange(n)[:, None, None, None],
        torch.arange(channels)[:, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]


@cache
def _dataset(train_per_class: int, test_per_class: int) -> Dataset:
    pixels, labels, test_pixels, test_labels = cifar10(train_per_class, test_per_class)
    train_rows, val_rows = hold_out(labels, len(labels) // 10)
    pixels, test_pixels = (np.moveaxis(part, 3, 1) for part in (pixels, test_pixels))
    train = examples(pixels, labels, train_rows)
    val = examples(pixels, labels, val_rows)
    test = examples(test_pixels, test_labels)
    scale = Standardise.of(train.inputs, dim=(0, 2, 3))
    return Dataset(train, val, test, prepare=scale, augment=crop_and_flip)


def _task(name: str, blocks: int, per_class: tuple[int, int], batch: int, epochs: int) -> Task:
    return classification(
        name,
        partial(ResNet, blocks),
        partial(_dataset, *per_class),
        train=_CLASSES * per_class[0] * 9 // 10,
        batch=batch,
        epochs=epochs,
        weight_decay={"sgd": 1e-4, "adamw": 0.01},
    )


RESNET20 = _task("cifar10:resnet20", 3, per_class=(5000, 1000), batch=128, epochs=300)
"""45,000 / 5,000 / 10,000 images, 300 epochs of 351 updates."""

RESNET8 = _task("cifar10:resnet8", 1, per_class=(1000, 200), batch=64, epochs=7)
"""9,000 / 1,000 / 2,000 images, 7 epochs of 140 updates."""
