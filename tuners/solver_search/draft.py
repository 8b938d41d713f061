"""A schedule taken apart for moves, and put together again: valid, and of the same cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ...solvers.diffusion.noise import NoiseSchedule
from ...solvers.diffusion.schedule import SolverSchedule, as_solver_schedule, nfe_of
from ...solvers.diffusion.step import SolverStep
from ...solvers.diffusion.table import First
from .canonical import canonical


class Draft(NamedTuple):
    """A schedule's inner lambdas and decisions, which moves change freely."""

    knots: tuple[float, ...]
    steps: tuple[SolverStep, ...]
    first: First

    @property
    def nfe(self) -> int:
        """What it would cost."""
        return nfe_of(self.steps, self.first)

    def with_step(self, i: int, step: SolverStep) -> Draft:
        """The draft with another step number i, from 0."""
        return self._replace(steps=(*self.steps[:i], step, *self.steps[i + 1 :]))


@dataclass(frozen=True)
class Frame:
    """What no move changes: noise schedule, ends, cost, and the least gap of the knots.

    Args:
        noise: The noise schedule.
        start: First time.
        end: Last time.
        nfe: Number of network evaluations.
        share: Least gap as a share of the range in lambda.
        known: Times of lambdas that a draft came from, so that a knot that stays stays exactly.
    """

    noise: NoiseSchedule
    start: float
    end: float
    nfe: int
    share: float = 1e-3
    known: Mapping[float, float] = field(default_factory=dict[float, float])

    @classmethod
    def of(cls, schedules: Sequence[SolverSchedule], share: float) -> Frame:
        """The frame of schedules that have one: the first tells it."""
        for schedule in schedules:
            as_solver_schedule(schedule)
        one = schedules[0]
        known = {float(n.lam): float(n.t) for s in schedules for n in s.nodes[1:-1]}
        return cls(one.noise, one.times[0], one.times[-1], one.nfe, share, known)

    @cached_property
    def pure(self) -> bool:
        """Whether it starts from pure noise."""
        return math.isinf(float(self.noise.lambda_at(self.start)))

    @cached_property
    def clean(self) -> bool:
        """Whether it ends in clean data."""
        return self.end == self.noise.clean

    @cached_property
    def low(self) -> float:
        """Lambda at the start; where that is infinite, the least that an inner time may have."""
        noise = self.noise
        close = noise.t_max - 1e-3 * (noise.t_max - noise.t_min)
        return float(noise.lambda_at(close if self.pure else self.start))

    @cached_property
    def high(self) -> float:
        """Lambda at the end; where that is infinite, the largest that an inner time may have."""
        return float(self.noise.lambda_at(self.noise.t_min if self.clean else self.end))

    def draft(self, schedule: SolverSchedule) -> Draft:
        """The parts of a schedule."""
        knots = tuple(float(node.lam) for node in schedule.nodes[1:-1])
        return Draft(knots, schedule.steps, schedule.first)

    def build(self, draft: Draft, rng: np.random.Generator) -> SolverSchedule:
        """The nearest valid schedule of the frame's cost, in its canonical form."""
        draft = self._repaired(draft)
        while draft.nfe != self.nfe:
            resize = _insert if draft.nfe < self.nfe else _remove
            draft = self._repaired(resize(draft, self, rng))
        inner = [self.known.get(lam) or float(self.noise.time_at(lam)) for lam in draft.knots]
        times = (self.start, *inner, self.end)
        return canonical(SolverSchedule(self.noise, times, draft.steps, draft.first))

    def places(self, draft: Draft) -> np.ndarray:
        """Finite lambdas of all times: at infinite ends those of ``low`` and ``high``."""
        return np.array([self.low, *draft.knots, self.high])

    def _repaired(self, draft: Draft) -> Draft:
        last = len(draft.steps)
        steps = [_cap(step, i, self.pure) for i, step in enumerate(draft.steps, 1)]
        steps[-1] = SolverStep() if self.clean else replace(steps[-1], corrector="none")
        if self.pure and last == 1:
            steps = [SolverStep()]
        first: First = "network" if self.pure else draft.first
        return Draft(self._spaced(draft.knots), tuple(steps), first)

    def _spaced(self, knots: Sequence[float]) -> tuple[float, ...]:
        """The knots in order, moved no more than the least gap asks."""
        if not knots:
            return ()
        gap = min(self.share * (self.high - self.low), (self.high - self.low) / (2 * len(knots)))
        found = sorted(knots)
        floor = self.low if self.pure else self.low + gap
        for i, knot in enumerate(found):
            found[i] = floor = max(knot, floor)
            floor += gap
        ceiling = self.high if self.clean else self.high - gap
        for i in range(len(found) - 1, -1, -1):
            found[i] = ceiling = min(found[i], ceiling)
            ceiling -= gap
        return tuple(found)


def _cap(step: SolverStep, i: int, pure: bool) -> SolverStep:
    """Step number i with no more history than there is."""
    start = min(step.start, i)
    if pure and start == i:
        return SolverStep(start=start)
    return replace(step.at_most(i - pure), start=start)


def _insert(draft: Draft, frame: Frame, rng: np.random.Generator) -> Draft:
    """One more knot, in an interval drawn by length; its step is as the interval's was."""
    places = frame.places(draft)
    lengths = np.maximum(np.diff(places), 1e-9)
    i = int(rng.choice(len(lengths), p=lengths / lengths.sum()))
    knot = float(places[i] + rng.uniform(0.25, 0.75) * lengths[i])
    knots = (*draft.knots[:i], knot, *draft.knots[i:])
    new = replace(draft.steps[i], corrector="none")
    return draft._replace(knots=knots, steps=(*draft.steps[:i], new, *draft.steps[i:]))


def _remove(draft: Draft, frame: Frame, rng: np.random.Generator) -> Draft:
    """One knot less, and one of the two steps beside it."""
    i = int(rng.integers(len(draft.knots)))
    j = i + int(rng.integers(2))
    knots = (*draft.knots[:i], *draft.knots[i + 1 :])
    return draft._replace(knots=knots, steps=(*draft.steps[:j], *draft.steps[j + 1 :]))


def stretched(draft: Draft, frame: Frame, log_factors: np.ndarray) -> Draft:
    """Each step in lambda times a factor, their sum kept."""
    places = frame.places(draft)
    steps = np.maximum(np.diff(places), frame.share * (frame.high - frame.low))
    steps = steps * np.exp(log_factors)
    knots = frame.low + np.cumsum(steps / steps.sum())[:-1] * (frame.high - frame.low)
    return draft._replace(knots=as_knots(knots))


def as_knots(lambdas: np.ndarray) -> tuple[float, ...]:
    """An array as a draft's knots."""
    return tuple(float(lam) for lam in lambdas)
