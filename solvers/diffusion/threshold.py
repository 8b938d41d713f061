"""Predicted data kept in range, as pixel-space models want it."""

from __future__ import annotations

import torch
from torch import Tensor


def dynamic_threshold(data: Tensor, ratio: float, largest: float) -> Tensor:
    """Each sample clipped to its ``ratio`` quantile s of |x|, in [1, largest], and divided by s.

    Source: Saharia et al. (2022), arXiv:2205.11487, section 2.3.
    """
    flat = data.flatten(1)
    s = torch.quantile(flat.abs().float(), ratio, dim=1, keepdim=True).clamp(1, largest)
    s = s.to(data.dtype)
    return (flat.clamp(-s, s) / s).view_as(data)
