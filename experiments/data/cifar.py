"""CIFAR-10 from JPEG streams, decoded once and kept."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._extra import extra
from .registry import dataset
from .store import cache_folder, find

Bytes = NDArray[np.uint8]
Parts = tuple[Bytes, Bytes, Bytes, Bytes]

_KEYS = ("train", "train_labels", "test", "test_labels")
_CLASSES = 10
_PER_CLASS = {"train": 5000, "test": 1000}


def cifar10(train_per_class: int = 5000, test_per_class: int = 1000) -> Parts:
    """CIFAR-10 or a balanced part of it, shuffled in one fixed order.

    The images went through JPEG (quality 75), so error rates are close to, but not the same
    as, published ones: compare schedules with each other, not with the literature. Decoded
    arrays are kept in the cache.

    Args:
        train_per_class: The first so many training images of every class, 1..5000.
        test_per_class: The same for the test images, 1..1000.

    Returns:
        Training images (n, 32, 32, 3) and labels (n,), test images and labels; all uint8.

    Raises:
        ValueError: a count out of its range.
        FileNotFoundError, OSError: as :func:`~ritard.experiments.data.find`.
    """
    counts = {"train": train_per_class, "test": test_per_class}
    for split, count in counts.items():
        if not 1 <= count <= _PER_CLASS[split]:
            raise ValueError(f"{split}_per_class={count}: expected 1 to {_PER_CLASS[split]}")
    from ...schedules._npz import load_npz  # brings torch; `ritard --help` needs none

    kept = cache_folder() / _kept_name(counts)
    try:
        arrays = load_npz(kept)
        train, train_labels, test, test_labels = (arrays[key] for key in _KEYS)
    except (OSError, KeyError, ValueError):  # not there, or not whole: decode (again)
        train, train_labels, test, test_labels = _decode(counts)
        _keep(kept, dict(zip(_KEYS, (train, train_labels, test, test_labels), strict=True)))
    return train, train_labels, test, test_labels


def _kept_name(counts: Mapping[str, int]) -> str:
    """File name of decoded arrays: another source or decoder may give other pixels."""
    with extra():
        import PIL
    source = dataset("cifar10").files[0].sha256[:12]
    return f"cifar10-{counts['train']}-{counts['test']}-{source}-pillow{PIL.__version__}.npz"


def _decode(counts: Mapping[str, int]) -> Parts:
    with np.load(find("cifar10") / dataset("cifar10").files[0].name) as streams:
        train, train_labels = _decode_split(streams, "train", counts["train"])
        test, test_labels = _decode_split(streams, "test", counts["test"])
    return train, train_labels, test, test_labels


def _decode_split(streams: Mapping[str, Any], split: str, count: int) -> tuple[Bytes, Bytes]:
    with extra():
        from PIL import Image
    first = np.arange(_CLASSES)[:, None] * _PER_CLASS[split]
    rows = np.random.default_rng(0).permutation((first + np.arange(count)).ravel())
    content: bytes = streams[f"{split}_bytes"].tobytes()
    offsets: list[int] = streams[f"{split}_offsets"].tolist()
    labels: Bytes = streams[f"{split}_labels"]
    pixels = np.empty((len(rows), 32, 32, 3), np.uint8)
    for i, row in enumerate(rows):
        image = Image.open(BytesIO(content[offsets[row] : offsets[row + 1]]))
        pixels[i] = np.frombuffer(image.tobytes(), np.uint8).reshape(32, 32, 3)
    return pixels, labels[rows]


def _keep(path: Path, arrays: Mapping[str, Any]) -> None:
    from ...schedules._atomic import atomic_path

    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)
