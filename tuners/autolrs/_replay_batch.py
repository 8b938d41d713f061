"""A recorded batch: handed out many times, the same each time."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Tensor

from ._snapshot_random import RandomState


class RecordedBatch:
    """A batch with the random numbers' state right after it was drawn.

    Containers are copied each time it is handed out, so that a step may take them apart
    (``batch.pop("labels")``). Tensors are not, and a step that wrote into one is found out.
    """

    def __init__(self, batch: Any, random: RandomState) -> None:
        self._batch, self._random = shallow(batch), random
        self._versions = [tensor._version for tensor in self._checked()]

    def again(self) -> Any:
        """The batch, with the random numbers set to what they were after it was drawn.

        Raises:
            RuntimeError: a training step has changed one of its tensors in place.
        """
        for tensor, version in zip(self._checked(), self._versions, strict=True):
            if tensor._version != version:
                raise RuntimeError(
                    f"ReplayBuffer: a training step changed a batch's tensor of shape "
                    f"{tuple(tensor.shape)} in place, so that it cannot be replayed; clone it in "
                    "the step before writing to it"
                )
        self._random.restore()
        return shallow(self._batch)

    def _checked(self) -> Iterator[Tensor]:
        return (tensor for tensor in tensors(self._batch) if not tensor.is_inference())


def shallow(batch: Any) -> Any:
    """New containers with the same tensors; arrays are copied."""
    if isinstance(batch, Tensor):
        return batch
    if type(batch) is dict:
        return {key: shallow(value) for key, value in batch.items()}
    if type(batch) in (list, tuple):
        return type(batch)(shallow(value) for value in batch)
    if isinstance(batch, tuple):  # a named one: its class takes the values one by one
        return type(batch)(*(shallow(value) for value in batch))
    return copy.copy(batch)


def tensors(batch: Any) -> Iterator[Tensor]:
    """The tensors of a batch, also inside objects that hold them as attributes."""
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, dict):
        for value in batch.values():
            yield from tensors(value)
    elif isinstance(batch, list | tuple):
        for value in batch:
            yield from tensors(value)
    elif hasattr(batch, "__dict__") and not callable(batch):
        yield from tensors(vars(batch))


def nbytes(batch: Any) -> int:
    """Bytes of the tensors and arrays of a batch."""
    if isinstance(batch, np.ndarray):
        return batch.nbytes
    if isinstance(batch, dict):
        return sum(nbytes(value) for value in batch.values())
    if isinstance(batch, list | tuple):
        return sum(nbytes(value) for value in batch)
    return sum(tensor.nbytes for tensor in tensors(batch))
