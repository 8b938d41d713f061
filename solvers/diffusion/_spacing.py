"""The training timesteps that diffusers' configurations space out, in our units of time."""

from __future__ import annotations

import numpy as np

from ...schedules._checks import one_of
from .discrete import Discrete


def discrete_times(noise: Discrete, steps: int, spacing: str, offset: int) -> list[float]:
    """Where a table's network is evaluated: whole indices, falling, as many as steps.

    Raises:
        ValueError: more steps than the table has, or an unknown spacing.

    Source: Lin et al. (2024), arXiv:2305.08891, table 2; details as DPMSolverMultistepScheduler.
    """
    one_of("timestep_spacing", spacing, ("linspace", "leading", "trailing"))
    size = len(noise.alphas_cumprod)
    if steps > size:
        raise ValueError(f"num_inference_steps={steps}: expected 1 to {size}")
    if spacing == "linspace":
        times = np.linspace(0, size - 1, steps + 1)[::-1][:-1]
        times = times.round() if steps < size else times  # rounded, they would repeat
    elif spacing == "leading":
        times = (np.arange(steps + 1) * (size // (steps + 1)))[::-1][:-1] + offset
    else:
        times = np.arange(size, 0, -size / steps).round()[:steps] - 1
    return [float(t) for t in times]


def flow_times(steps: int, size: int) -> list[float]:
    """Where a flow's network is evaluated: equal steps from 1 - 1/size."""
    return np.linspace(0, 1 - 1 / size, steps + 1)[::-1][:-1].tolist()
