"""The scalings of a schedule's first derivatives as numbers that may be learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, cast

from ...solvers.diffusion import SolverSchedule
from ...solvers.diffusion._scalar import Scalar, as_float
from .scalings import change_of


class Scaled(NamedTuple):
    """One factor 1 + c h: of which step (from 0), of which of its two scalings, and c."""

    step: int
    which: str
    c: float


def scaled(schedule: SolverSchedule) -> list[Scaled]:
    """All that have an effect, named ones as the numbers they amount to."""
    found: list[Scaled] = []
    for i, step in enumerate(schedule.steps):
        s, t = schedule.nodes[i + 1 - step.start], schedule.nodes[i + 1]
        h = as_float(t.lam) - as_float(s.lam)
        if not math.isfinite(h):
            continue
        if step.order > 1:
            c = change_of(step.scaling, step.prediction, h) / h
            found.append(Scaled(i, "scaling", c))
        if step.corrector != "none":
            c = change_of(step.corrector_scaling, step.prediction, h) / h
            found.append(Scaled(i, "corrector_scaling", c))
    return found


def rescaled(
    schedule: SolverSchedule, scalings: Sequence[Scaled], changes: Sequence[Scalar]
) -> SolverSchedule:
    """The schedule with each c changed: by floats, or by tensors of no dimension to be learned."""
    steps = list(schedule.steps)
    for (i, which, c), change in zip(scalings, changes, strict=True):
        steps[i] = replace(steps[i], **{which: cast(float, c + change)})
    return replace(schedule, steps=tuple(steps))
