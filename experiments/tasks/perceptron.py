"""Fashion-MNIST with a perceptron without normalisation, from a usual and from a large start."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

from torch import nn

from .fashion import FASHION

_WIDTHS = (784, 64, 64, 64, 10)


def _network(scale: float) -> nn.Module:
    """Weights of ``scale`` times He's deviation sqrt(2 / inputs), and no offsets."""
    network = nn.Sequential(nn.Flatten())
    for inputs, outputs in pairwise(_WIDTHS):
        dense = nn.Linear(inputs, outputs)
        nn.init.normal_(dense.weight, std=scale * (2 / inputs) ** 0.5)
        nn.init.zeros_(dense.bias)
        network.extend([dense, nn.ReLU()])
    return network[:-1]


FASHION_MLP = replace(FASHION, name="fashion:mlp", network=partial(_network, 1.0))
"""A perceptron 784-64-64-64-10; everything else as ``fashion``."""

FASHION_LARGE_START = replace(FASHION, name="fashion:large-start", network=partial(_network, 2.0))
"""The same with weights twice as large at the start, so that gradients are very large at first."""
