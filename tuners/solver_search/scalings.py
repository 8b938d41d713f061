"""Scalings as numbers: c such that the first derivative's factor R_1 is 1 + c h."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...solvers.diffusion._scalar import as_float
from ...solvers.diffusion.step import Kind, Scaling, scale_of
from .draft import Draft, Frame

LEAST = 1e-6
"""Steps shorter than this in lambda count as this long."""


def change_of(scaling: Scaling, prediction: Kind, h: float) -> float:
    """R_1 - 1 for a step of that length in lambda."""
    return as_float(scale_of(scaling, prediction, h)) - 1


def length(draft: Draft, frame: Frame, i: int) -> float:
    """Length in lambda of step i (from 0), from the state that it starts from."""
    places = frame.places(draft)
    base = max(i + 1 - draft.steps[i].start, 0)
    return max(float(places[i + 1] - places[base]), LEAST)


def rescaled(
    draft: Draft, frame: Frame, i: int, change: float, most: float, name: str = "scaling"
) -> Draft:
    """R_1 of step i (or of its corrector) changed by that much, as a number c.

    |R_1 - 1| is kept within ``most``.
    """
    step, h = draft.steps[i], length(draft, frame, i)
    now = change_of(getattr(step, name), step.prediction, h)
    c = float(np.clip(now + change, -most, most)) / h
    return draft.with_step(i, replace(step, **{name: c}))
