"""Parts of a data set that do not overlap, and statistics of the training part."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..data._extra import extra
from .batches import Examples

Rows = NDArray[np.int64]

_SPLIT_SEED = 0


def hold_out(labels: ArrayLike, count: int) -> tuple[Rows, Rows]:
    """Row numbers to keep and ``count`` row numbers to hold out, by one fixed seed.

    Both parts are shuffled and have the classes in the proportions of ``labels`` (n,).
    """
    with extra():
        from sklearn.model_selection import train_test_split
    labels = np.asarray(labels)
    rows = np.arange(len(labels))
    kept, held = train_test_split(rows, test_size=count, stratify=labels, random_state=_SPLIT_SEED)
    return np.asarray(kept), np.asarray(held)


def three_ways(labels: ArrayLike, val: int, test: int) -> tuple[Rows, Rows, Rows]:
    """Row numbers of train, val and test: disjoint, stratified, together all rows."""
    labels = np.asarray(labels)
    rest, test_rows = hold_out(labels, test)
    train, val_rows = hold_out(labels[rest], val)
    return rest[train], rest[val_rows], test_rows


def examples(inputs: NDArray[np.generic], labels: ArrayLike, rows: Rows | None = None) -> Examples:
    """Rows of arrays as tensors of their own memory; labels as int64. All rows if None."""
    chosen = slice(None) if rows is None else rows
    return Examples(
        torch.tensor(inputs[chosen]),
        torch.tensor(np.asarray(labels)[chosen], dtype=torch.int64),
    )


@dataclass(frozen=True, eq=False)
class Standardise:
    """(x - mean)/std, with statistics that broadcast against a batch.

    Attributes:
        mean: Of the training part.
        std: Of the training part; 1 where a feature does not vary.
    """

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, train: Tensor, dim: int | tuple[int, ...]) -> "Standardise":
        """Statistics of ``train`` over the dimensions ``dim`` (the batch among them)."""

        def mean_of(values: Callable[[Tensor], Tensor]) -> Tensor:
            # In pieces: a whole image set in double precision would need gigabytes.
            sums = [values(piece.double()).sum(dim, keepdim=True) for piece in train.split(1000)]
            total = torch.stack(sums).sum(0)
            return total * (total.numel() / train.numel())

        mean = mean_of(lambda x: x)
        std = mean_of(lambda x: (x - mean).square()).sqrt()
        # A constant has no more than rounding for a deviation.
        std = torch.where(std > 1e-6 * mean.abs(), std, 1.0)
        return cls(mean.float(), std.float())

    def __call__(self, x: Tensor) -> Tensor:
        """Standardised ``x``, float32."""
        return (x.float() - self.mean) / self.std
