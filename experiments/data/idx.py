"""MNIST and Fashion-MNIST: the IDX format of LeCun, gzipped."""

import gzip
import math
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .store import find

Bytes = NDArray[np.uint8]


def images(name: Literal["mnist", "fashion_mnist"]) -> tuple[Bytes, Bytes, Bytes, Bytes]:
    """MNIST or Fashion-MNIST, in the official order.

    Returns:
        Training images (60000, 28, 28) and labels (60000,), test images (10000, 28, 28) and
        labels (10000,); all uint8, read-only.

    Raises:
        ValueError, FileNotFoundError, OSError: as :func:`~ritard.experiments.data.find`.
    """
    folder = find(name)
    train, train_labels, test, test_labels = (
        read_idx(folder / f"{part}-ubyte.gz")
        for part in (
            "train-images-idx3",
            "train-labels-idx1",
            "t10k-images-idx3",
            "t10k-labels-idx1",
        )
    )
    return train, train_labels, test, test_labels


def read_idx(path: Path) -> Bytes:
    """An IDX file of unsigned bytes, gzipped, as an array of the shape that its header gives.

    Raises:
        ValueError: the header is not one of unsigned bytes, or the length does not fit it.
    """
    with gzip.open(path) as stream:
        content = stream.read()
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes (starts {content[:4].hex()})")
    header = 4 + 4 * content[3]
    shape = tuple(np.frombuffer(content[4:header], ">u4").tolist())
    if len(content) - header != math.prod(shape):
        raise ValueError(f"{path}: {len(content) - header} bytes for the shape {shape}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
