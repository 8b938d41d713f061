"""Snapshot: a training state that can be gone back to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from torch import Tensor

from ._snapshot_parts import Capture, check_parts
from ._snapshot_room import Place, Room


class Snapshot:
    """Captures a training state completely and restores it in place, bit for bit.

    Made between two updates of the optimizer, it captures at once; :meth:`capture` does so again
    into the same memory. What is kept:

    - of modules: parameters, buffers (also those that a ``state_dict`` omits), extra state,
      train or eval mode, and the numbers, tensors and random generators that they keep as plain
      attributes;
    - of optimizers: the state to any depth, every entry of the groups, learning rates that are
      tensors; entries that came later are deleted, not zeroed;
    - a GradScaler's scale and tracker; schedulers, averages, metrics and whatever else has
      ``state_dict`` and ``load_state_dict``; generators that are given;
    - the global random numbers of torch (CPU and every CUDA device), NumPy and Python.

    Tensors are written where they lie, so that compiled and captured code, DDP's buckets and the
    optimizer stay valid; each process restores its own part of sharded ones, without waiting for
    the others. Gradients are not kept: at a restore those that existed are zeroed in place and
    the others removed. Not kept either: the position in the data (see :class:`ReplayBuffer`) and
    the generators that the data loader draws from, which belong to the data.

    Args:
        parts: The model, the optimizer and whatever else changes while training.
        place: Where the copies lie: ``"device"`` (that of each tensor), ``"host"`` (page-locked
            for a GPU's tensors) or ``"disk"`` (a file without a name, which no other process can
            open and which vanishes with this one); by default the first that has room. Copies
            have no checksum: memory and disk are trusted.
        folder: Of that file; the system's temporary folder by default.
        skip: Tensors that never change, such as frozen parameters: they are not copied, and a
            restore fails where one has changed after all.

    Raises:
        MemoryError: the copies fit nowhere, or their file cannot be made.
        OSError: there is no such folder.
        TypeError: a part of which no state can be had.
        ValueError: no parts, an unknown place, lazy parameters without a shape.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(1, 1)
        >>> optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
        >>> before = layer.weight.item()
        >>> with Snapshot(layer, optimizer) as origin:
        ...     layer(torch.ones(1)).sum().backward()
        ...     optimizer.step()
        ...     print(layer.weight.item() == before)
        False
        >>> layer.weight.item() == before, len(optimizer.state)
        (True, 0)
    """

    def __init__(
        self,
        *parts: Any,
        place: Place | None = None,
        folder: str | PathLike[str] | None = None,
        skip: Iterable[Tensor] = (),
    ) -> None:
        check_parts(parts)
        self._parts = parts
        self._skip = list(skip)
        self._room = Room(place, None if folder is None else Path(folder))
        self.capture()

    def capture(self) -> None:
        """Take the present state in place of the one held.

        Raises:
            MemoryError: the state has grown and fits nowhere; the one held stays.
        """
        self._held = Capture(self._parts, self._skip, self._room)

    def restore(self, lr: float | Sequence[float] | None = None) -> None:
        """Go back to the state held. The learning rate is written last and read back.

        Args:
            lr: Rate to go on with instead of the one held: the first group's, the others keep
                their ratios to it; or a list, one for each group. A scheduler writes its own
                again at its next step (``ScheduleLR.scale`` is the way to change that).

        Raises:
            RuntimeError: a tensor has changed its shape or dtype, or a skipped one its values:
                nothing has been changed then; or the rate could not be written.
            TypeError: ``lr`` is not a number.
            ValueError: ``lr`` does not fit the groups, or there is more than one optimizer.

        What a part's own ``load_state_dict`` raises passes through; tensors and optimizers are
        restored then, random numbers and what comes after that part are not.
        """
        self._held.put_back(None if lr is None else self._rates_for(lr))

    def swap(self, other: Snapshot) -> None:
        """Exchange what two snapshots of the same parts hold; nothing is copied.

        Raises:
            ValueError: the other was made of other parts.
        """
        if not isinstance(other, Snapshot):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"other={other!r}: expected a Snapshot")
        same = len(self._parts) == len(other._parts)
        if not same or any(a is not b for a, b in zip(self._parts, other._parts, strict=True)):
            raise ValueError("swap: expected a snapshot of the same parts in the same order")
        self._held, other._held = other._held, self._held
        self._room, other._room = other._room, self._room

    @property
    def nbytes(self) -> int:
        """Bytes of the (dense) tensors held."""
        return self._held.image.nbytes

    @property
    def places(self) -> dict[str, list[Place]]:
        """Where the copies of each device's tensors lie."""
        return self._room.places

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        """Restore, whatever happened inside."""
        self.restore()

    def _rates_for(self, lr: float | Sequence[float]) -> list[float]:
        if len(self._held.rates) != 1:
            raise ValueError(
                f"lr={lr!r}: there are {len(self._held.rates)} optimizers, and it is for one; "
                "set their rates after restore()"
            )
        return self._held.rates[0].scaled(lr)
