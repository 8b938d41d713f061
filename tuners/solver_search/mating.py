"""Children of several schedules: crossover, and moves along differences."""

from __future__ import annotations

import numpy as np

from ...solvers.diffusion.schedule import SolverSchedule
from ...solvers.diffusion.step import SolverStep
from .draft import Draft, Frame, as_knots, stretched
from .moves import mutate
from .scalings import change_of, length, rescaled
from .space import Space


def crossover(
    a: SolverSchedule, b: SolverSchedule, rng: np.random.Generator, gap: float = 1e-3
) -> SolverSchedule:
    """A child of two schedules of one cost.

    In equal shares: the times of one with the decisions of the other; both up to a random
    lambda from one and the rest from the other; or times in between with each step's decisions
    from either.
    """
    frame = Frame.of([a, b], gap)
    if rng.random() < 0.5:
        a, b = b, a
    one, two = frame.draft(a), frame.draft(b)
    way = int(rng.integers(3))
    if way == 1:
        cut = rng.uniform(frame.low, frame.high)
        left = sum(knot < cut for knot in one.knots)
        right = sum(knot >= cut for knot in two.knots)
        knots = (*one.knots[:left], *two.knots[len(two.knots) - right :])
        return frame.build(Draft(knots, _joined(one, two, left, right), one.first), rng)
    if len(one.steps) != len(two.steps):  # the other's decisions at the nearest of its steps
        rows = np.linspace(0, len(two.steps) - 1, len(one.steps)).round().astype(int)
        two = Draft(one.knots, tuple(two.steps[i] for i in rows), one.first)
    if way == 0:
        return frame.build(Draft(one.knots, two.steps, one.first), rng)
    share = rng.uniform(-0.25, 1.25)
    knots = as_knots((1 - share) * np.array(one.knots) + share * np.array(two.knots))
    coins = rng.random(len(one.steps)) < 0.5
    steps = tuple(p if c else q for p, q, c in zip(one.steps, two.steps, coins, strict=True))
    return frame.build(Draft(knots, steps, one.first), rng)


def difference(
    base: SolverSchedule,
    a: SolverSchedule,
    b: SolverSchedule,
    space: Space,
    rng: np.random.Generator,
) -> SolverSchedule:
    """The base moved by the difference of two others, in its times and scalings.

    Step sizes so follow the population's spread: they shrink as it contracts. Where the three
    have not the same number of steps, the base is mutated instead.

    Source: Storn & Price (1997), Differential Evolution, J. Global Optimization 11.
    """
    frame = Frame.of([base], space.gap)
    drafts = [frame.draft(schedule) for schedule in (base, a, b)]
    if len({len(draft.steps) for draft in drafts}) > 1 or not drafts[0].knots:
        return mutate(base, space, rng)
    one, two, three = drafts
    factor = rng.uniform(0.2, 1.0)
    draft = one
    if space.times:
        knots = [np.log(np.diff(frame.places(d)) + 1e-6) for d in (two, three)]
        draft = stretched(draft, frame, factor * (knots[0] - knots[1]))
    if space.scaling:
        draft = _shift_scalings(draft, two, three, frame, space, factor)
    return frame.build(draft, rng)


def _joined(one: Draft, two: Draft, left: int, right: int) -> tuple[SolverStep, ...]:
    """Steps into the knots taken from each, and into the end."""
    count = len(two.steps) - right - 1
    return (*one.steps[:left], *two.steps[count:])


def _shift_scalings(
    draft: Draft, two: Draft, three: Draft, frame: Frame, space: Space, factor: float
) -> Draft:
    """R_1 of each step moved by the difference of the others', where all three have one."""
    for i, steps in enumerate(zip(draft.steps, two.steps, three.steps, strict=True)):
        if min(step.order for step in steps) == 1:
            continue
        a, b = (
            change_of(d.steps[i].scaling, d.steps[i].prediction, length(d, frame, i))
            for d in (two, three)
        )
        if a != b:
            draft = rescaled(draft, frame, i, factor * (a - b), space.scaling)
    return draft
