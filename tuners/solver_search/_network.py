"""The network as an evaluator calls it: counted, and cheap to differentiate through."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


class Network:
    """The network, counted; half precision where the noises are."""

    def __init__(self, network: Callable[[Tensor, Tensor], Tensor], dtype: torch.dtype) -> None:
        self.network, self.dtype = network, dtype
        self.calls = self.forwards = 0

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        self.calls += 1
        self.forwards += len(x)
        return self.network(x.to(self.dtype), t)

    def snapshot(self) -> tuple[int, int]:
        """Calls, and samples that went through it, so far."""
        return self.calls, self.forwards


def recomputed(network: Network) -> Callable[[Tensor, Tensor], Tensor]:
    """The same, keeping nothing for the backward pass: it is run again there."""

    def call(x: Tensor, t: Tensor) -> Tensor:
        found = checkpoint(network, x, t, use_reentrant=False)
        assert isinstance(found, Tensor)
        return found

    return call
