"""Residual networks for 32 x 32 images."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation, and a shortcut without parameters.

    Where the block halves the image, the shortcut takes every second pixel and fills the new
    channels with zeros (option A of the paper).
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.stride = stride
        self.new = outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h/stride, w/stride)."""
        shortcut = x[:, :, :: self.stride, :: self.stride]
        return F.relu(self.body(x) + F.pad(shortcut, (0, 0, 0, 0, 0, self.new)))


class ResNet(nn.Module):
    """The CIFAR residual network of 6n + 2 layers: 16, 32 and 64 channels, n blocks each.

    Args:
        blocks: n: 3 gives ResNet-20, 1 gives ResNet-8.
        classes: Logits.

    Source: He et al. (2016), Deep Residual Learning, section 4.2, arXiv:1512.03385, with its
    initialisation (He et al. 2015, fan out) and shortcut option A.
    """

    def __init__(self, blocks: int, classes: int = 10) -> None:
        super().__init__()
        widths = [16] + [16] * blocks + [32] * blocks + [64] * blocks
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            *(Block(inputs, outputs, outputs // inputs) for inputs, outputs in pairwise(widths)),
        )
        self.head = nn.Linear(64, classes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes) of images (n, 3, h, w): the mean over the last pixels, then dense."""
        return self.head(self.body(x).mean((2, 3)))
