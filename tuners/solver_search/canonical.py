"""One form for all schedules that are the same sampler, and a key to know them by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from ...solvers.diffusion.saved import Sampler, as_sampler
from ...solvers.diffusion.schedule import SolverSchedule, as_solver_schedule
from ...solvers.diffusion.step import SolverStep


def canonical(schedule: SolverSchedule) -> SolverSchedule:
    """The same sampler with every decision that has no effect at its usual value.

    A step of order 1 has no derivative, so no scaling and no points; without a corrector it is
    the same in noise and data. All ``order - 1`` points are "full"; the second derivative's
    factor needs order 3; a corrector's scaling needs a corrector; c = 0 scales nothing.

    Example:
        >>> from ritard.solvers.diffusion import EDM, SolverSchedule, SolverStep
        >>> step = SolverStep("noise", scaling="bh2", d2_scale=0.5)
        >>> canonical(SolverSchedule(EDM(), (80.0, 1.0), (step,))).steps[0] == SolverStep()
        True
    """
    as_solver_schedule(schedule)
    steps = tuple(_step(step) for step in schedule.steps)
    return schedule if steps == schedule.steps else replace(schedule, steps=steps)


def key(sampler: Sampler) -> str:
    """A short text, equal for equal samplers of one noise schedule; records take no part."""
    as_sampler(sampler)
    if isinstance(sampler, SolverSchedule):
        schedule = canonical(sampler)
        steps = [list(vars(step).values()) for step in schedule.steps]
        content: list[object] = [schedule.times, steps, schedule.first]
    else:
        table = sampler.detach()
        content = [table.nodes, table.rows, table.first]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def _step(step: SolverStep) -> SolverStep:
    first, second = step.order == 1, step.order < 3
    corrected = step.corrector != "none"
    full = step.points == step.order - 1
    return replace(
        step,
        prediction="data" if first and not corrected else step.prediction,
        points=None if first or full else step.points,
        scaling="none" if first or step.scaling == 0 else step.scaling,
        corrector_scaling="none"
        if not corrected or step.corrector_scaling == 0
        else step.corrector_scaling,
        d2_scale=1.0 if second else float(step.d2_scale),
    )
