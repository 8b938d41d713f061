"""Ranks: the processes that train together, and how they stay in agreement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class Ranks:
    """The processes of a data-parallel training; a single process costs nothing.

    What is decided is decided from means over all ranks, by the first, and sent to the others:
    one collective for a measurement, one for a decision, none at any other update.

    Args:
        group: The processes; torch's default group if it is there.
    """

    def __init__(self, group: Any = None) -> None:
        self._group = group

    @property
    def several(self) -> bool:
        """Whether there is more than one process."""
        return (
            dist.is_available() and dist.is_initialized() and dist.get_world_size(self._group) > 1
        )

    @property
    def is_first(self) -> bool:
        """Whether this is the process that decides."""
        return not self.several or dist.get_rank(self._group) == 0

    def mean(self, values: Tensor) -> list[float]:
        """Means over the ranks of a vector (n,); NaN where it is not finite on any of them.

        This waits for the device.
        """
        values = values.detach().reshape(-1)
        if not self.several:
            return [v if math.isfinite(v) else math.nan for v in values.cpu().double().tolist()]
        sums = values.to(self._device()).double()
        finite = torch.isfinite(sums)
        # One collective for sums and flags: an infinity would spoil the sums of the others.
        both = torch.cat([torch.where(finite, sums, 0.0), (~finite).double()])
        dist.all_reduce(both, group=self._group)
        total, bad = both.cpu().view(2, -1).tolist()
        size = dist.get_world_size(self._group)
        return [math.nan if flag else v / size for v, flag in zip(total, bad, strict=True)]

    def decide(self, numbers: Sequence[float], check: float = 0.0) -> list[float]:
        """What the first rank decided, on all ranks.

        Args:
            numbers: The decision as this rank would have it.
            check: A number that must be the same on all ranks, such as a stage's index.

        Raises:
            RuntimeError: this rank is elsewhere in the search than the first.
        """
        if not self.several:
            return list(numbers)
        tensor = torch.tensor([*numbers, check], dtype=torch.float64, device=self._device())
        first = dist.get_global_rank(self._group, 0) if self._group is not None else 0
        dist.broadcast(tensor, src=first, group=self._group)
        *decided, found = tensor.tolist()
        if found != check and not (math.isnan(found) and math.isnan(check)):
            raise RuntimeError(
                f"AutoLRS: this rank stands at {check!r} and the first at {found!r}: the "
                "ranks must make the same number of updates"
            )
        return decided

    def _device(self) -> torch.device:
        """Where the backend wants its tensors: NCCL refuses those of the CPU."""
        if dist.get_backend(self._group) == "nccl":
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("cpu")
