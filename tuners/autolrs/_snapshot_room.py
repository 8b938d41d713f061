"""Room: memory for copies of tensors, on their device, on the host or in a file."""

from __future__ import annotations

import mmap
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from ._snapshot_memory import free_on, free_on_disk, free_on_host

Place = Literal["device", "host", "disk"]
PLACES: tuple[Place, ...] = get_args(Place)
SHARE = 0.8  # of the memory that is free; the rest is left to the training
_ALIGN = 64  # bytes; every dtype may begin there


class Chunk:
    """A piece of memory that is given out from front to back."""

    def __init__(self, memory: Tensor, place: Place) -> None:
        self.memory, self.used = memory, 0
        self.place: Place = place

    def take(self, like: Tensor) -> Tensor | None:
        """Room for a tensor with its strides, or None when too little is left."""
        if self.used + like.nbytes > self.memory.numel():
            return None
        part = self.memory[self.used : self.used + like.nbytes].view(like.dtype)
        self.used += padded(like)
        # Its own strides where it is dense: the copy is then a plain move of memory.
        return part.as_strided(like.shape, torch.empty_like(like, device="meta").stride())


class Room:
    """Gives room for copies; used again at each capture, and grown when the state has grown.

    Args:
        place: ``"device"``, ``"host"`` (page-locked for a GPU's tensors) or ``"disk"``; by
            default the first that has enough free memory.
        folder: Where a file would be made; the system's temporary folder by default. The file
            has no name and vanishes with the process.
    """

    def __init__(self, place: Place | None, folder: Path | None) -> None:
        if place is not None and place not in PLACES:
            raise ValueError(f"place={place!r}: expected one of {', '.join(PLACES)}, or None")
        self._places = PLACES if place is None else (place,)
        self._asked = place is not None
        self._folder = Path(tempfile.gettempdir()) if folder is None else folder
        self._chunks: dict[torch.device, list[Chunk]] = {}

    @property
    def places(self) -> dict[str, list[Place]]:
        """Where the copies of each device's tensors lie."""
        return {str(d): [chunk.place for chunk in chunks] for d, chunks in self._chunks.items()}

    def reserve(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Room for each of the tensors; what was given out before may be given out again.

        Raises:
            MemoryError: it fits nowhere. What was given out before is untouched then.
        """
        for chunks in self._chunks.values():
            for chunk in chunks:
                chunk.used = 0
        given: list[Tensor | None] = []
        missing: dict[torch.device, list[int]] = {}
        for i, tensor in enumerate(tensors):
            given.append(self._take(tensor))
            if given[i] is None:
                missing.setdefault(tensor.device, []).append(i)
        for device, rows in missing.items():
            chunk = self._new_chunk(device, sum(padded(tensors[i]) for i in rows))
            for i in rows:
                given[i] = chunk.take(tensors[i])
            self._chunks.setdefault(device, []).append(chunk)
        return [view for view in given if view is not None]

    def _take(self, tensor: Tensor) -> Tensor | None:
        if tensor.layout != torch.strided or is_traceable_wrapper_subclass(tensor):
            return tensor.clone()  # sparse, quantized: not a plain piece of memory
        views = (chunk.take(tensor) for chunk in self._chunks.get(tensor.device, ()))
        return next((view for view in views if view is not None), None)

    def _new_chunk(self, device: torch.device, size: int) -> Chunk:
        free: dict[Place, float] = {p: self._free(p, device) for p in self._places}
        failed = ""
        for place in fitting(size, free):
            try:
                memory = _ALLOCATE[place](size, device, self._folder)
            except (RuntimeError, MemoryError, OSError) as error:  # fragmented, taken, read-only
                failed += f"; {place}: {error}"
                continue
            if place == "disk" and not self._asked:
                self._warn_of_disk(size)
            return Chunk(memory, place)
        raise MemoryError(
            f"Snapshot: the copies of the tensors on {device} need {_gigabytes(size)}; free: "
            + ", ".join(f"{place} {_gigabytes(n)}" for place, n in free.items())
            + f" (of which {1 - SHARE:.0%} are left alone){failed}; pass skip=... for tensors that "
            f"never change, or folder=... on a larger disk than {self._folder}"
        )

    def _free(self, place: Place, device: torch.device) -> float:
        if place == "disk":
            return free_on_disk(self._folder)
        return free_on(device) if place == "device" else free_on_host()

    def _warn_of_disk(self, size: int) -> None:
        text = f"Snapshot: memory is short, {_gigabytes(size)} are kept in a file in {self._folder}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)


def fitting(size: int, free: dict[Place, float]) -> Iterator[Place]:
    """The places that have the room, in their order.

    Example:
        >>> list(fitting(100, {"device": 110, "host": 130, "disk": 1e9}))
        ['host', 'disk']
    """
    return (place for place, room in free.items() if size <= SHARE * room)


def padded(tensor: Tensor) -> int:
    """Bytes of a tensor with the gap to the next."""
    return -(-tensor.nbytes // _ALIGN) * _ALIGN


def _on_device(size: int, device: torch.device, _: Path) -> Tensor:
    return torch.empty(size, dtype=torch.uint8, device=device)


def _on_host(size: int, device: torch.device, _: Path) -> Tensor:
    return torch.empty(size, dtype=torch.uint8, pin_memory=device.type == "cuda")


def _on_disk(size: int, _: torch.device, folder: Path) -> Tensor:
    # Without a name from the start: nobody can open, cut or delete it, and no kill leaves it.
    with tempfile.TemporaryFile(prefix="ritard-snapshot-", dir=folder) as file:
        if hasattr(os, "posix_fallocate"):  # macOS has none
            # A sparse file would kill the process where the disk turns out to be full.
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
        return torch.frombuffer(mmap.mmap(file.fileno(), size), dtype=torch.uint8)


_ALLOCATE: dict[Place, Callable[[int, torch.device, Path], Any]] = {
    "device": _on_device, "host": _on_host, "disk": _on_disk,
}  # fmt: skip


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.3g} GB"
