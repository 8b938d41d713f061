"""Saved samplers of either kind, and whether one fits a noise schedule."""

from __future__ import annotations

from typing import Any

import numpy as np

from .discrete import Discrete
from .noise import NoiseSchedule
from .schedule import SolverSchedule
from .table import CoefficientTable

Sampler = SolverSchedule | CoefficientTable


def as_sampler(sampler: Any, name: str = "sampler") -> Sampler:
    """A sampler of either kind as it is; TypeError, which names the argument, for anything else."""
    if not isinstance(sampler, SolverSchedule | CoefficientTable):
        kind = type(sampler).__name__
        own = ", which its .sampler is" if hasattr(sampler, "sampler") else ""  # a search's result
        raise TypeError(f"{name}={kind}: expected a SolverSchedule or a CoefficientTable{own}")
    return sampler


def load_sampler(data: Any) -> Sampler:
    """From either's ``to_dict``, or itself; ValueError where it is neither."""
    if isinstance(data, SolverSchedule | CoefficientTable):
        return data
    if isinstance(data, dict) and data.get("format") == "ritard-solver-table":
        return CoefficientTable.from_dict(data)
    return SolverSchedule.from_dict(data)


def same_noise(a: NoiseSchedule, b: NoiseSchedule) -> bool:
    """Equal, or tables that differ by no more than float32 rounding of their betas.

    The last entry of a table rescaled to zero terminal SNR is set by convention, and left out.
    """
    if not (isinstance(a, Discrete) and isinstance(b, Discrete)):
        return a == b
    if len(a.alphas_cumprod) != len(b.alphas_cumprod):
        return False
    return bool(np.allclose(a.lambdas[:-1], b.lambdas[:-1], rtol=0, atol=5e-3))
