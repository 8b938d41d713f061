"""Schedules as sequences of tokens, one per step, for the predictor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...solvers.diffusion._scalar import as_float
from ...solvers.diffusion.schedule import SolverSchedule
from ...solvers.diffusion.step import CORRECTORS, HIGHEST, KINDS, SolverStep
from ...solvers.diffusion.table import FIRSTS
from .scalings import change_of

WAVES = 4
"""Sines and cosines of a time's place in lambda, of 1/2 to 4 periods over the whole range."""
STARTS = 3
"""Starts further back than this count as this."""
LARGEST = 3.0
"""Changes of R_1 and R_2 are clipped to this."""
WIDTH = 5 + 2 * WAVES + len(KINDS) + HIGHEST + STARTS + HIGHEST + len(CORRECTORS) + 3 + len(FIRSTS)
"""Numbers in a token."""


def encode(schedules: Sequence[SolverSchedule]) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of several schedules, padded to the longest.

    A token holds where the step starts and ends (their share of the schedule's range of lambda),
    its length in lambda and relative to equal steps, sines of its end, its decisions as one-hots,
    R_1 - 1 of the step and of its corrector, R_2 - 1, and where the first output comes from.

    Returns:
        Tokens, shape (schedules, steps, WIDTH), and which of them are steps rather than padding,
        shape (schedules, steps).
    """
    longest = max(len(schedule.steps) for schedule in schedules)
    tokens = np.zeros((len(schedules), longest, WIDTH))
    mask = np.zeros((len(schedules), longest), dtype=bool)
    for row, schedule in enumerate(schedules):
        count = len(schedule.steps)
        tokens[row, :count] = _tokens(schedule)
        mask[row, :count] = True
    return tokens, mask


def _tokens(schedule: SolverSchedule) -> np.ndarray:
    lambdas = _finite([as_float(node.lam) for node in schedule.nodes])
    count, low, span = len(schedule.steps), lambdas[0], lambdas[-1] - lambdas[0]
    places = [(lam - low) / span for lam in lambdas]
    first = _one_hot(FIRSTS.index(schedule.first), len(FIRSTS))
    rows: list[list[float]] = []
    for i, step in enumerate(schedule.steps, 1):
        base = max(i - step.start, 0)
        h = lambdas[i] - lambdas[base]
        share = places[i] - places[i - 1]
        row = [places[i - 1], places[i], h / 4, math.log(max(share * count, 1e-3)), count / 10]
        for k in range(WAVES):
            angle = math.pi * 2**k * places[i]
            row += [math.sin(angle), math.cos(angle)]
        rows.append(row + _decisions(step, h) + first)
    return np.array(rows)


def _decisions(step: SolverStep, h: float) -> list[float]:
    corrected = step.corrector != "none"
    return [
        *_one_hot(KINDS.index(step.prediction), len(KINDS)),
        *_one_hot(step.order - 1, HIGHEST),
        *_one_hot(min(step.start, STARTS) - 1, STARTS),
        *_one_hot(step.first_points, HIGHEST),
        *_one_hot(CORRECTORS.index(step.corrector), len(CORRECTORS)),
        _clipped(change_of(step.scaling, step.prediction, h)) if step.order > 1 else 0.0,
        _clipped(change_of(step.corrector_scaling, step.prediction, h)) if corrected else 0.0,
        _clipped(step.d2_scale - 1),
    ]


def _clipped(change: float) -> float:
    return min(max(change, -LARGEST), LARGEST)


def _one_hot(index: int, count: int) -> list[float]:
    return [float(k == index) for k in range(count)]


def _finite(lambdas: list[float]) -> list[float]:
    """Infinite ends one unit of lambda beyond their neighbours (a range of 2 where both are)."""
    if math.isinf(lambdas[-1]):
        lambdas[-1] = lambdas[-2] + 1 if len(lambdas) > 2 or not math.isinf(lambdas[0]) else 1.0
    if math.isinf(lambdas[0]):
        lambdas[0] = lambdas[1] - 1
    return lambdas
