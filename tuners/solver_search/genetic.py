"""The genetic algorithm of USF's published code: steady state, no predictor. A baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...schedules._checks import number, whole
from ...solvers.diffusion.noise import NoiseSchedule
from ...solvers.diffusion.saved import Sampler
from ...solvers.diffusion.schedule import SolverSchedule
from ...solvers.diffusion.step import SolverStep
from .draft import Draft, Frame
from .panel import spread
from .scalings import change_of, length
from .space import Space
from .steady import SteadySearch

ORDERS = {1: 0.2, 2: 0.4, 3: 0.3, 4: 0.1}
"""Taylor orders and the weights they are drawn by."""


@dataclass(frozen=True)
class Rates:
    """Probabilities and sizes of the algorithm's moves, as published for CIFAR-10.

    Args:
        parents: Parents are drawn alike from that many of the best.
        crossover: Probability of two parents.
        deep: Of mixing their decisions step by step as well.
        length: Of one step more, and of one step less.
        gene: Of a move of each decision of each step.
        times: Standard deviation of a knot's move in lambda.
        scaling: Standard deviation of a move of c.

    Raises:
        TypeError, ValueError: settings out of range.
    """

    parents: int = 15
    crossover: float = 0.3
    deep: float = 0.5
    length: float = 0.2
    gene: float = 0.3
    times: float = 0.08
    scaling: float = 0.03

    def __post_init__(self) -> None:
        """Check the settings."""
        whole("parents", self.parents, low=1)
        for name in ("crossover", "deep", "gene"):
            number(name, getattr(self, name), low=0, high=1)
        number("length", self.length, low=0, high=0.5)
        number("times", self.times, low=0)
        number("scaling", self.scaling, low=0)


class GeneticSearch(SteadySearch):
    """Children of the best 15 known, each mutated in about a third of its decisions.

    As published, but for its defects: children share nothing with their parents; knots keep
    their order and a least distance, their decisions with them; a knot moves in lambda wherever
    it is, and a new one is uniform in lambda; a schedule of another cost than those searched is
    brought back to it; the population starts from fixed solvers, as many as an eighth of the
    evaluations, so that no NFE is ever without parents. Moves that edit the network, and EMS
    predictions, are left out.

    The same contract as :class:`~.search.SolverSearch`. ``ask`` breeds a new child each time,
    from what has been told so far.

    Args:
        noise: The model's noise schedule.
        nfe: Network evaluations per sample, one number or several: a step more or less may move
            a child from one to another.
        evaluations: True evaluations for each ``nfe``, at least 4.
        seed: Of all that is random.
        space: The values that decisions may take.
        rates: Probabilities and sizes of the moves.
        start: Schedules to start from; by default every fixed solver on every grid.
        t_start: First time; the noise schedule's ``t_max`` where it is not given.
        t_end: Last time; its ``t_min`` where it is not given.

    Raises:
        TypeError, ValueError: settings out of range, or starting schedules that do not fit.

    Source: Liu et al. (2024), arXiv:2312.07243, published code (its settings for CIFAR-10).
    """

    kind = "genetic"

    def __init__(
        self,
        noise: NoiseSchedule,
        nfe: int | Sequence[int],
        evaluations: int = 400,
        seed: int = 0,
        *,
        space: Space | None = None,
        rates: Rates | None = None,
        start: Iterable[Sampler] | None = None,
        t_start: float | None = None,
        t_end: float | None = None,
    ) -> None:
        super().__init__(noise, nfe, evaluations, seed, space, start, t_start, t_end)
        self.rates = Rates() if rates is None else rates
        first = max(self.evaluations // 8, 4)
        self._first = {n: spread(seeds, first) for n, seeds in self.seeds.items()}

    def _draw(self, nfe: int, turn: int, rng: np.random.Generator) -> SolverSchedule:
        """The starting schedules one by one, then children."""
        if turn < len(self._first[nfe]) and not self._known(self._first[nfe][turn]):
            return self._first[nfe][turn]
        ranked = self.archives[nfe].ranked()[: self.rates.parents] or self._first[nfe]
        one, two = (ranked[i] for i in rng.integers(len(ranked), size=2))
        frame = Frame.of([one, two], self.space.gap)
        draft = frame.draft(one)
        if rng.random() < self.rates.crossover:
            draft = crossed(draft, frame.draft(two), self.rates, rng)
        draft = mutated(draft, frame, self.space, self.rates, rng)
        if draft.nfe in self.nfes:  # a child of another bucket that is searched
            frame = replace(frame, nfe=draft.nfe)
        return frame.build(draft, rng)


def crossed(one: Draft, two: Draft, rates: Rates, rng: np.random.Generator) -> Draft:
    """Times from one and decisions from the other; then, at times, step by step from either.

    Parents of different lengths have no crossover.
    """
    if len(one.steps) != len(two.steps):
        return one
    draft = two._replace(knots=one.knots)
    if rng.random() < rates.deep:
        coins = rng.random(len(one.steps)) < 0.5
        pairs = zip(one.steps, two.steps, coins, strict=True)
        draft = draft._replace(steps=tuple(p if coin else q for p, q, coin in pairs))
    return draft


def mutated(
    draft: Draft, frame: Frame, space: Space, rates: Rates, rng: np.random.Generator
) -> Draft:
    """The published mutation: length first, then every gene of every step with its rate."""
    if space.times:
        draft = _length(draft, frame, rates, rng)
    knots = list(draft.knots)
    if space.times:
        moves = rng.normal(0, rates.times, len(knots)) * (rng.random(len(knots)) < rates.gene)
        knots = [float(knot + move) for knot, move in zip(knots, moves, strict=True)]
    lengths = [length(draft, frame, i) for i in range(len(draft.steps))]
    steps = [_step(step, i, lengths[i], space, rates, rng) for i, step in enumerate(draft.steps)]
    first = _drawn(space.firsts, draft.first, rates, rng)
    return Draft(tuple(knots), tuple(steps), first)


def _length(draft: Draft, frame: Frame, rates: Rates, rng: np.random.Generator) -> Draft:
    coin = rng.random()
    if coin < rates.length:
        knot = float(rng.uniform(frame.low, frame.high))
        i = sum(k < knot for k in draft.knots)
        knots = (*draft.knots[:i], knot, *draft.knots[i:])
        order = min(int(rng.choice(list(ORDERS), p=list(ORDERS.values()))), i + 1)
        new = SolverStep(draft.steps[i].prediction, order)
        return draft._replace(knots=knots, steps=(*draft.steps[:i], new, *draft.steps[i:]))
    if coin < 2 * rates.length and draft.knots:
        i = int(rng.integers(len(draft.knots)))
        knots = (*draft.knots[:i], *draft.knots[i + 1 :])
        return draft._replace(knots=knots, steps=(*draft.steps[:i], *draft.steps[i + 1 :]))
    return draft


def _step(
    step: SolverStep, i: int, h: float, space: Space, rates: Rates, rng: np.random.Generator
) -> SolverStep:
    orders = [n for n in space.orders if n <= i + 1]
    if len(orders) > 1 and rng.random() < rates.gene:
        weights = np.array([ORDERS[n] for n in orders])
        order = orders[int(rng.choice(len(orders), p=weights / weights.sum()))]
        if order != step.order:  # with full derivatives and no scaling
            step = replace(step, order=order, points=None, scaling="none", d2_scale=1.0)
    prediction = _drawn(space.predictions, step.prediction, rates, rng)
    corrector = _drawn(space.correctors, step.corrector, rates, rng)
    start = min(_drawn(space.starts, step.start, rates, rng), i + 1)
    points = _drawn(space.points, step.points, rates, rng)
    if points is not None:
        points = None if step.order == 1 else min(points, step.order - 1)
    scaling = step.scaling
    if space.scaling and rng.random() < rates.gene:
        c = change_of(scaling, step.prediction, h) / h
        if rng.random() < rates.gene:
            c += rates.scaling * rng.standard_normal()
        scaling = float(np.clip(c, -space.scaling / h, space.scaling / h))
    return replace(
        step,
        prediction=prediction,
        corrector=corrector,
        start=start,
        points=points,
        scaling=scaling,
    )


def _drawn(values: Sequence[Any], present: Any, rates: Rates, rng: np.random.Generator) -> Any:
    """With the gene's rate one of the values, the present one among them."""
    if len(values) < 2 or rng.random() >= rates.gene:
        return present
    return values[int(rng.integers(len(values)))]
