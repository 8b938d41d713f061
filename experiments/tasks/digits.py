"""Handwritten digits, 8 x 8 pixels, bundled with scikit-learn: the task that needs no data."""

from functools import cache

from torch import nn

from ..data._extra import extra
from .batches import Dataset
from .classification import classification
from .splits import Standardise, examples, three_ways

_VAL = _TEST = 300
_TRAIN = 1797 - _VAL - _TEST


def _network() -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
    )


@cache
def _dataset() -> Dataset:
    with extra():
        from sklearn.datasets import load_digits
    pixels, labels = load_digits(return_X_y=True)
    parts = three_ways(labels, _VAL, _TEST)
    train, val, test = (examples(pixels.astype("float32"), labels, rows) for rows in parts)
    scale = Standardise.of(train.inputs, dim=(0, 1))
    train, val, test = (part._replace(inputs=scale(part.inputs)) for part in (train, val, test))
    return Dataset(train, val, test)


DIGITS = classification("digits", _network, _dataset, train=_TRAIN, batch=32, epochs=50)
"""A multilayer perceptron 64-128-128-10; 1197 / 300 / 300 images, 50 epochs of 37 updates."""
