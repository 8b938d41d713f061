"""Moves: how one schedule becomes another near it.

Each move changes a :class:`~.draft.Draft` in one respect; to add one, write it and give it a row
in ``MOVES``. What comes out of :func:`mutate`, :func:`crossover` and :func:`difference` is always
a valid schedule of the same cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...solvers.diffusion._scalar import as_float
from ...solvers.diffusion.noise import NoiseSchedule
from ...solvers.diffusion.schedule import SolverSchedule
from ...solvers.diffusion.step import Scaling, SolverStep, scale_of
from .draft import Draft, Frame
from .space import Space

Move = Callable[[Draft, Frame, Space, np.random.Generator], Draft]
SCALES = (0.01, 0.5)
"""Sizes of continuous moves, drawn log-uniformly: coarse and fine ones at all times."""


# ---- times -------------------------------------------------------------------------------


def _nudge(draft: Draft, frame: Frame, space: Space, rng: np.random.Generator) -> Draft:
    """One knot moves by a share of the distance to its neighbours."""
    places = frame.places(draft)
    i = 1 + int(rng.integers(len(draft.knots)))
    places[i] += _size(rng) * rng.standard_normal() * (places[i + 1] - places[i - 1]) / 2
    return draft._replace(knots=_plain(places[1:-1]))


def _wobble(draft: Draft, frame: Frame, space: Space, rng: np.random.Generator) -> Draft:
    """All steps in lambda grow or shrink by random factors."""
    return _stretched(draft, frame, _size(rng) * rng.standard_normal(len(draft.steps)))


def _tilt(draft: Draft, frame: Frame, space: Space, rng: np.random.Generator) -> Draft:
    """The steps' lengths change smoothly: longer at one end, or in the middle."""
    u = np.linspace(-1, 1, len(draft.steps))
    a, b = 2 * _size(rng) * rng.standard_normal(2)
    return _stretched(draft, frame, a * u + b * u * u)


def _stretched(draft: Draft, frame: Frame, log_factors: np.ndarray) -> Draft:
    """Each step in lambda times a factor, their sum kept."""
    places = frame.places(draft)
    steps = np.maximum(np.diff(places), frame.share * (frame.high - frame.low))
    steps = steps * np.exp(log_factors)
    knots = frame.low + np.cumsum(steps / steps.sum())[:-1] * (frame.high - frame.low)
    return draft._replace(knots=_plain(knots))


# ---- decisions ---------------------------------------------------------------------------


def _prediction(draft: Draft, frame: Frame, space: Space, rng: np.random.Generator) -> Draft:
    return _reset(draft, rng, "prediction", space.predictions)


def _order(draft: Draft, frame: Frame, space: Space, rng: np.random.Generator) -> Draft:
    """Another order, with full derivatives."""
    i = int(rng.integers(len(draft.steps)))
    highest = max(min(i + 1, max(space.orders)), min(space.orders))
    fitting = tuple(order for order in space.orders if order <= highest)
    order = _other(draft.steps[i].order, fitting, rng)
    return _with_step(draft, i, order=order, points=None, d2_scale=1.0)


def _points(draft: Draft, frame: Frame, space: Space, rng: np.random.Generator) -> Draft:
    i = int(rng.integers(len(draft.steps)))
    points = _other(draft.steps[i].points, space.points, rng)
    most = draft.steps[i].order - 1
    return _with_step(draft, i, points=None if points is None or points >= most else points)


def _corrector(draft: Draft, frame: Frame, space: Space, rng: np.random.Generator) -> Draft:
    return _reset(draft, rng, "corrector", space.correctors)


def _start(draft: Draft, frame: Frame, space: Space, rng: np.random.Generator) -> Draft:
    return _reset(draft, rng, "start", space.starts)


def _first(draft: Draft, frame: Frame, space: Space, rng: np.random.Generator) -> Draft:
    return draft._replace(first=_other(draft.first, space.firsts, rng))


def _scaling(draft: Draft, frame: Frame, space: Space, rng: np.random.Generator) -> Draft:
    """R_1 of one step, or of its corrector, changes by a number: 1 + c h."""
    i = int(rng.integers(len(draft.steps)))
    step = draft.steps[i]
    name = "corrector_scaling" if step.order == 1 or rng.random() < 0.25 else "scaling"
    change = _size(rng) * rng.standard_normal()
    value = _number(draft, frame, i, getattr(step, name), change, space)
    return _with_step(draft, i, **{name: value})


MOVES: dict[str, tuple[Move, float]] = {
    "nudge": (_nudge, 3.0),
    "wobble": (_wobble, 3.0),
    "tilt": (_tilt, 1.0),
    "prediction": (_prediction, 1.0),
    "order": (_order, 1.0),
    "points": (_points, 0.5),
    "corrector": (_corrector, 1.0),
    "start": (_start, 0.25),
    "first": (_first, 0.5),
    "scaling": (_scaling, 2.0),
}
"""Moves with the weights they are drawn by."""


def mutate(schedule: SolverSchedule, space: Space, rng: np.random.Generator) -> SolverSchedule:
    """A schedule one move away, with probability 1/2 two, 1/4 three...

    Args:
        schedule: The parent; it is not changed.
        space: What may change.
        rng: Where random numbers come from.

    Returns:
        A valid schedule of the same cost; equal to the parent where nothing can move.
    """
    frame = Frame.of([schedule], space.gap)
    draft = frame.draft(schedule)
    for _ in range(int(rng.geometric(0.5))):
        names = _open_moves(draft, frame, space)
        if not names:
            break
        weights = np.array([MOVES[name][1] for name in names])
        name = names[int(rng.choice(len(names), p=weights / weights.sum()))]
        draft = MOVES[name][0](draft, frame, space, rng)
    return frame.build(draft, rng)


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
    knots = _plain((1 - share) * np.array(one.knots) + share * np.array(two.knots))
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
        draft = _stretched(draft, frame, factor * (knots[0] - knots[1]))
    if space.scaling:
        draft = _shift_scalings(draft, two, three, frame, space, factor)
    return frame.build(draft, rng)


def random_schedule(
    noise: NoiseSchedule,
    nfe: int,
    space: Space,
    rng: np.random.Generator,
    start: float | None = None,
    end: float | None = None,
) -> SolverSchedule:
    """A schedule with every decision drawn from the space, times log-normal about equal steps.

    Args:
        noise: The noise schedule.
        nfe: Its cost, at least 1.
        space: The values of its decisions; one without values is the usual one.
        rng: Where random numbers come from.
        start: First time; the noise schedule's ``t_max`` where it is not given.
        end: Last time; its ``t_min`` where it is not given.
    """
    first_time = noise.t_max if start is None else start
    last_time = noise.t_min if end is None else end
    frame = Frame(noise, first_time, last_time, nfe, space.gap)
    usual = SolverStep()
    first = _draw(space.firsts, "network", rng)
    count = nfe + (first != "network" and not frame.pure)
    steps = tuple(
        SolverStep(
            prediction=_draw(space.predictions, usual.prediction, rng),
            order=_draw(tuple(o for o in space.orders if o <= i), 1, rng),
            start=_draw(tuple(s for s in space.starts if s <= i), 1, rng),
            corrector=_draw(space.correctors, usual.corrector, rng),
            scaling=float(rng.uniform(-0.3, 0.3)) if space.scaling else "none",
        )
        for i in range(1, count + 1)
    )
    equal = np.linspace(frame.low, frame.high, count + 1)[1:-1]
    draft = Draft(_plain(equal), steps, first)
    if draft.knots:
        draft = _stretched(draft, frame, 0.7 * rng.standard_normal(count))
    return frame.build(draft, rng)


# ---- helpers -----------------------------------------------------------------------------


def _open_moves(draft: Draft, frame: Frame, space: Space) -> list[str]:
    """The moves that can change something."""
    closed: set[str] = set()
    if not (space.times and draft.knots):
        closed |= {"nudge", "wobble", "tilt"}
    genes = {
        "prediction": space.predictions,
        "order": space.orders,
        "points": space.points,
        "corrector": space.correctors,
        "start": space.starts,
        "first": space.firsts,
    }
    closed |= {name for name, values in genes.items() if len(values) < 2}
    if not space.scaling:
        closed.add("scaling")
    return [name for name in MOVES if name not in closed]


def _size(rng: np.random.Generator) -> float:
    low, high = np.log(SCALES)
    return float(np.exp(rng.uniform(low, high)))


def _plain(knots: np.ndarray) -> tuple[float, ...]:
    return tuple(float(knot) for knot in knots)


def _other(value: Any, values: Sequence[Any], rng: np.random.Generator) -> Any:
    """One of the values that is not the present one."""
    others = [v for v in values if v != value]
    return others[int(rng.integers(len(others)))] if others else value


def _draw(values: Sequence[Any], usual: Any, rng: np.random.Generator) -> Any:
    return values[int(rng.integers(len(values)))] if values else usual


def _with_step(draft: Draft, i: int, **changes: Any) -> Draft:
    step = replace(draft.steps[i], **changes)
    return draft._replace(steps=(*draft.steps[:i], step, *draft.steps[i + 1 :]))


def _reset(draft: Draft, rng: np.random.Generator, name: str, values: Sequence[Any]) -> Draft:
    """One step's decision takes another value."""
    i = int(rng.integers(len(draft.steps)))
    return _with_step(draft, i, **{name: _other(getattr(draft.steps[i], name), values, rng)})


def _joined(one: Draft, two: Draft, left: int, right: int) -> tuple[SolverStep, ...]:
    """Steps into the knots taken from each, and into the end."""
    count = len(two.steps) - right - 1
    return (*one.steps[:left], *two.steps[count:])


def effective_c(scaling: Scaling, prediction: str, h: float) -> float:
    """The number c such that 1 + c h is R_1."""
    if not isinstance(scaling, str):
        return float(scaling)
    z = h if prediction == "noise" else -h
    return (as_float(scale_of(scaling, z, h)) - 1) / h


def _number(
    draft: Draft, frame: Frame, i: int, scaling: Scaling, change: float, space: Space
) -> float:
    """The scaling as a number, R_1 changed by that much, within the space's limit."""
    step, places = draft.steps[i], frame.places(draft)
    h = max(float(places[i + 1] - places[max(i + 1 - step.start, 0)]), 1e-6)
    c = effective_c(scaling, step.prediction, h)
    return float(np.clip(c * h + change, -space.scaling, space.scaling) / h)


def _shift_scalings(
    draft: Draft, two: Draft, three: Draft, frame: Frame, space: Space, factor: float
) -> Draft:
    """R_1 of each step moved by the difference of the others'."""
    for i, step in enumerate(draft.steps):
        if step.order == 1 or two.steps[i].order == 1 or three.steps[i].order == 1:
            continue
        levels = [
            _number(d, frame, i, d.steps[i].scaling, 0.0, space) * _length(d, frame, i)
            for d in (two, three)
        ]
        change = factor * (levels[0] - levels[1])
        if change:
            value = _number(draft, frame, i, step.scaling, change, space)
            draft = _with_step(draft, i, scaling=value)
    return draft


def _length(draft: Draft, frame: Frame, i: int) -> float:
    places = frame.places(draft)
    return float(places[i + 1] - places[max(i + 1 - draft.steps[i].start, 0)])
