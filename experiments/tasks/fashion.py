"""Fashion-MNIST with a small convolutional network."""

from functools import cache

from torch import nn

from ..data import images
from .batches import Dataset
from .classification import classification
from .splits import Standardise, examples, hold_out

_VAL = 5_000
_TRAIN = 60_000 - _VAL


def _network() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


@cache
def _dataset() -> Dataset:
    pixels, labels, test_pixels, test_labels = images("fashion_mnist")
    train_rows, val_rows = hold_out(labels, _VAL)
    train = examples(pixels[:, None], labels, train_rows)
    val = examples(pixels[:, None], labels, val_rows)
    test = examples(test_pixels[:, None], test_labels)
    return Dataset(train, val, test, prepare=Standardise.of(train.inputs, dim=(0, 1, 2, 3)))


FASHION = classification("fashion", _network, _dataset, train=_TRAIN, batch=128, epochs=5)
"""Two convolutions and two dense layers; 55,000 / 5,000 / 10,000 images, 5 epochs."""
