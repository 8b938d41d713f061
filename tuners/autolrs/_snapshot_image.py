"""Image: the contents of live tensors, copied into preallocated room and back in place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from ._snapshot_room import Room

_foreach_copy: Any = torch._foreach_copy_  # pyright: ignore[reportPrivateImportUsage]


class Image:
    """Copies of tensors. Making one copies them; nothing but the room is written.

    Args:
        tensors: The live tensors. Of a DTensor the local part is copied: no process waits for
            another.
        skip: Tensors among them that never change and are not copied.
        room: Where the copies go.

    Raises:
        MemoryError: the copies fit nowhere.
        ValueError: a lazy parameter that has no shape yet.
    """

    def __init__(self, tensors: Iterable[Tensor], skip: Sequence[Tensor], room: Room) -> None:
        spared = {id(tensor) for tensor in skip}
        self._live = [t for t in tensors if id(t) not in spared and _has_content(t)]
        self._skipped = [(tensor, _version(tensor)) for tensor in skip]
        parts = [local(tensor) for tensor in self._live]
        self._copies = room.reserve(parts)
        self.nbytes = sum(c.nbytes for c in self._copies if c.layout == torch.strided)
        _copy(parts, self._copies)

    def put_back(self) -> None:
        """Write the copies into the live tensors, which keep their storage.

        Raises:
            RuntimeError: a tensor has another shape, dtype or device than at the capture, or one
                that was skipped has changed. Nothing has been written then.
        """
        parts = [local(tensor) for tensor in self._live]
        for now, copy, live in zip(parts, self._copies, self._live, strict=True):
            if now.shape != copy.shape or now.dtype != copy.dtype:
                raise RuntimeError(
                    f"restore: a tensor is now {now.dtype} of shape {tuple(live.shape)}, and was "
                    f"{copy.dtype} of shape {tuple(copy.shape)}; capture again after such a change"
                )
        for tensor, version in self._skipped:
            if _version(tensor) != version:
                raise RuntimeError(
                    f"restore: a skipped tensor of shape {tuple(tensor.shape)} has changed since "
                    "the capture; do not pass it in skip"
                )
        _copy(self._copies, parts)


def local(tensor: Tensor) -> Tensor:
    """The part of a tensor that this process holds, every element of memory once."""
    to_local: Any = getattr(tensor, "to_local", None)
    part: Tensor = tensor if to_local is None else to_local()
    if part.layout == torch.strided:
        for d, stride in enumerate(part.stride()):
            if stride == 0 and part.shape[d] > 1:  # expanded: it cannot be written as a whole
                part = part.narrow(d, 0, 1)
    return part


def _copy(sources: list[Tensor], targets: list[Tensor]) -> None:
    """One call for each kind of tensor: only those of one device and dtype go in one kernel."""
    kinds: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
    for source, target in zip(sources, targets, strict=True):
        kind = (source.device, target.device, source.dtype, source.layout)
        pair = kinds.setdefault(kind, ([], []))
        pair[0].append(source)
        pair[1].append(target)
    for given, taken in kinds.values():
        # On one stream the order of work is that of the calls: nothing need be waited for.
        _foreach_copy(taken, given, non_blocking=True)


def _has_content(tensor: Tensor) -> bool:
    if is_lazy(tensor):
        raise ValueError(
            "Snapshot: the model has lazy parameters without a shape; run it once before"
        )
    return tensor.device.type != "meta" and tensor.numel() > 0


def _version(tensor: Tensor) -> int | None:
    return None if tensor.is_inference() else tensor._version
