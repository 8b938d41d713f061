"""Classification sets in LIBSVM's text format."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ._extra import extra
from .registry import dataset
from .store import find

Table = tuple[NDArray[np.float32], NDArray[np.int64]]


def libsvm(name: str) -> tuple[Table, Table | None]:
    """A set and its official test set, where it has one.

    Args:
        name: As ``"iris"``, without the ``libsvm/`` of :func:`~ritard.experiments.data.names`.

    Returns:
        ``(features, labels)`` of the set and of its test set or None: features (rows, columns)
        float32, dense, as in the file (not scaled); labels (rows,) int64, 0..k-1 in the order
        of the labels in the file.

    Raises:
        ValueError: no set has this name, or the file has not the recorded shape.
        FileNotFoundError, OSError: as :func:`~ritard.experiments.data.find`.
    """
    entry = dataset(f"libsvm/{name}")
    if entry.shape is None:
        raise ValueError(f"data set {entry.name!r}: the registry gives no shape")
    rows, columns, classes = entry.shape
    folder = find(entry.name)
    features, raw = _read(folder / entry.files[0].name, columns)
    values, labels = np.unique(raw, return_inverse=True)
    if (len(features), len(values)) != (rows, classes):
        raise ValueError(
            f"data set {entry.name!r}: expected {rows} rows and {classes} classes, "
            f"found {len(features)} and {len(values)}"
        )
    if len(entry.files) == 1:
        return (features, labels), None
    test, raw_test = _read(folder / entry.files[1].name, columns)
    return (features, labels), (test, np.searchsorted(values, raw_test))


def _read(path: Path, columns: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    with extra():
        from sklearn.datasets import load_svmlight_file
    features, labels = load_svmlight_file(str(path), n_features=columns)
    return features.toarray().astype(np.float32), np.asarray(labels, np.float64)
