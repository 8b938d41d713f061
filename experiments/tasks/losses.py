"""The losses of a training, kept without waiting for the device."""

import torch
from torch import Tensor

_BLOCK = 1024


class Losses:
    """A growing row of scalars on the device of the first.

    They are copied into blocks: thousands of tensors of one number each, kept between the
    large short-lived ones of a training step, would leave the allocator nothing to reuse.
    """

    def __init__(self) -> None:
        self._blocks: list[Tensor] = []
        self._count = 0

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    def append(self, loss: Tensor) -> None:
        """Add a scalar; its graph is not kept."""
        at = self._count % _BLOCK
        if at == 0:
            self._blocks.append(torch.empty(_BLOCK, dtype=torch.float32, device=loss.device))
        self._blocks[-1][at] = loss.detach()
        self._count += 1

    @property
    def last(self) -> Tensor:
        """The newest, a scalar on the device."""
        return self._blocks[-1][(self._count - 1) % _BLOCK]

    def tolist(self) -> list[float]:
        """All of them, moved once; this waits for the device."""
        if not self._blocks:
            return []
        found: list[float] = torch.cat(self._blocks)[: self._count].tolist()
        return found
