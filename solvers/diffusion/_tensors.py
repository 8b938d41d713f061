"""Checks of tensors that are given from outside."""

from __future__ import annotations

import reprlib

from torch import Tensor


def check_floating(**given: object) -> None:
    """TypeError naming what is no floating tensor."""
    for name, value in given.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{name}={reprlib.repr(value)}: expected a floating tensor")
        if not value.is_floating_point():
            raise TypeError(f"{name}: expected a floating tensor, got {value.dtype}")


def broadcasts(mean: Tensor, x: Tensor) -> bool:
    """Whether it broadcasts to the shape of x."""
    sizes = zip(reversed(mean.shape), reversed(x.shape), strict=False)
    return mean.ndim <= x.ndim and all(m in (1, n) for m, n in sizes)
