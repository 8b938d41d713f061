"""Classifier-free guidance, as a wrapper around the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...schedules._checks import number
from .model import check_network


@dataclass(frozen=True)
class ClassifierFree:
    """output = u + scale (c - u), with c given the condition and u without it, in one call.

    The batch is doubled, so one evaluation stays one network call. At scale 1 the condition
    alone is asked, at 0 the unconditional output alone.

    Args:
        network: ``network(x, t, condition) -> output``.
        condition: Tensor of shape (batch, ...).
        null: The condition that stands for none, of the same shape, or without the batch.
        scale: Guidance scale, >= 0.

    Source: Ho & Salimans (2022), arXiv:2207.12598, with w = scale - 1.
    """

    network: Callable[[Tensor, Tensor, Any], Tensor]
    condition: Tensor
    null: Tensor
    scale: float

    def __post_init__(self) -> None:
        """Check the settings."""
        check_network(self.network)
        number("scale", self.scale, low=0)

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        """The guided output."""
        null = self.null.expand_as(self.condition)
        if self.scale in (0, 1):
            return self.network(x, t, self.condition if self.scale == 1 else null)
        twice = self.network(
            torch.cat([x, x]), torch.cat([t, t]), torch.cat([null, self.condition])
        )
        without, given = twice.chunk(2)
        return torch.lerp(without, given, self.scale)
