"""A recorded batch: handed out many times, the same each time."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from itertools import zip_longest
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
            RuntimeError: a training step has changed one of its tensors in place, or an object
                that holds some.
        """
        for tensor, version in zip_longest(self._checked(), self._versions):
            if tensor is None or tensor._version != version:
                what = "object" if tensor is None else f"tensor of shape {tuple(tensor.shape)}"
                raise RuntimeError(
                    f"ReplayBuffer: a training step changed a batch's {what} in place, so that it "
                    "cannot be replayed; clone it in the step before writing to it"
                )
        self._random.restore()
        return shallow(self._batch)

    def _checked(self) -> Iterator[Tensor]:
        return (tensor for tensor in tensors(self._batch) if not tensor.is_inference())


def shallow(batch: Any) -> Any:
    """New containers with the same tensors; arrays are copied."""
    if isinstance(batch, Tensor):
        return batch
    if type(batch) is tuple:
        return tuple(shallow(value) for value in batch)
    if hasattr(batch, "_fields") and isinstance(batch, tuple):  # a named one takes them one by one
        return type(batch)(*(shallow(value) for value in batch))
    made = copy.copy(batch)
    if isinstance(made, dict):
        made.update({key: shallow(value) for key, value in made.items()})
    elif isinstance(made, list):
        made[:] = [shallow(value) for value in made]
    return made


def tensors(batch: Any, inside: tuple[int, ...] = ()) -> Iterator[Tensor]:
    """The tensors of a batch, also inside objects that hold them as attributes.

    Args:
        batch: Anything.
        inside: Identities of the objects that it is a part of, which may be a part of it too.
    """
    parts: Iterable[Any] = ()
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, dict):
        parts = batch.values()
    elif isinstance(batch, list | tuple):
        parts = batch
    elif hasattr(batch, "__dict__") and not callable(batch):
        parts = vars(batch).values()
    elif is_dataclass(batch) and not isinstance(batch, type):  # one with slots
        parts = (getattr(batch, field.name) for field in fields(batch))
    for part in parts if id(batch) not in inside else ():
        yield from tensors(part, (*inside, id(batch)))


def nbytes(batch: Any) -> int:
    """Bytes of the tensors and arrays of a batch."""
    if isinstance(batch, np.ndarray):
        return batch.nbytes
    if isinstance(batch, dict):
        return sum(nbytes(value) for value in batch.values())
    if isinstance(batch, list | tuple):
        return sum(nbytes(value) for value in batch)
    return sum(tensor.nbytes for tensor in tensors(batch))
