"""How objects that hold many numbers print: whole where they are few, told by their count else."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from torch import Tensor

MOST = 16
"""Tuples of more entries are shortened: a sampler of few steps prints whole."""
SHOWN = 3


def brief(instance: Any) -> str:
    """A dataclass instance as it prints: tensors by their shape, long tuples by their start.

    Example:
        >>> from ritard.solvers.diffusion import Discrete
        >>> Discrete.from_betas([0.5] * 100)
        Discrete(alphas_cumprod=(0.5, 0.25, 0.125, <97 more>))
    """
    parts = [f"{f.name}={_value(getattr(instance, f.name))}" for f in fields(instance) if f.repr]
    return f"{type(instance).__name__}({', '.join(parts)})"


def _value(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"<{tuple(value.shape)} {value.dtype}>"
    if isinstance(value, tuple) and len(value) > MOST:  # pyright: ignore[reportUnknownArgumentType]
        first = ", ".join(map(repr, value[:SHOWN]))
        return f"({first}, <{len(value) - SHOWN} more>)"
    return repr(value)
