"""Fashion-MNIST as tensors: the first 10,000 training images, and the test images held out."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..data import images

COUNT = 10_000
SIDE = 32


class Fashion(NamedTuple):
    """Images in [-1, 1], (n, 28, 28), and the classes of the first."""

    data: Tensor
    held_out: Tensor
    labels: Tensor


def fashion(dtype: torch.dtype, count: int = COUNT) -> Fashion:
    """The first ``count`` training images with their classes, and the 10,000 test images.

    Raises:
        FileNotFoundError, OSError: the data are not there; see ``ritard data``.
    """
    train, labels, test, _ = images("fashion_mnist")
    data, held_out = (torch.tensor(part).to(dtype) / 127.5 - 1 for part in (train[:count], test))
    return Fashion(data, held_out, torch.tensor(labels[:count], dtype=torch.int64))


def padded(pixels: Tensor) -> Tensor:
    """Images (n, 28, 28), of bytes or in [-1, 1], as (n, 1, 32, 32): two rows of black around."""
    black = 0 if pixels.dtype == torch.uint8 else -1
    return pad(pixels[:, None], [(SIDE - pixels.shape[-1]) // 2] * 4, value=black)
