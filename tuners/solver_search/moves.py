"""Moves: how one schedule becomes another near it.

Each move changes a :class:`~.draft.Draft` in one respect; to add one, write it and give it a row
in ``MOVES``. What comes out of :func:`mutate` is always a valid schedule of the same cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...solvers.diffusion.schedule import SolverSchedule
from .draft import Draft, Frame, as_knots, stretched
from .scalings import rescaled
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
    return draft._replace(knots=as_knots(places[1:-1]))


def _wobble(draft: Draft, frame: Frame, space: Space, rng: np.random.Generator) -> Draft:
    """All steps in lambda grow or shrink by random factors."""
    return stretched(draft, frame, _size(rng) * rng.standard_normal(len(draft.steps)))


def _tilt(draft: Draft, frame: Frame, space: Space, rng: np.random.Generator) -> Draft:
    """The steps' lengths change smoothly: longer at one end, or in the middle."""
    u = np.linspace(-1, 1, len(draft.steps))
    a, b = 2 * _size(rng) * rng.standard_normal(2)
    return stretched(draft, frame, a * u + b * u * u)


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
    own = draft.steps[i].order > 1 and rng.random() < 0.75
    name = "scaling" if own else "corrector_scaling"
    change = _size(rng) * rng.standard_normal()
    return rescaled(draft, frame, i, change, space.scaling, name)


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


def _other(value: Any, values: Sequence[Any], rng: np.random.Generator) -> Any:
    """One of the values that is not the present one."""
    others = [v for v in values if v != value]
    return others[int(rng.integers(len(others)))] if others else value


def _with_step(draft: Draft, i: int, **changes: Any) -> Draft:
    return draft.with_step(i, replace(draft.steps[i], **changes))


def _reset(draft: Draft, rng: np.random.Generator, name: str, values: Sequence[Any]) -> Draft:
    """One step's decision takes another value."""
    i = int(rng.integers(len(draft.steps)))
    return _with_step(draft, i, **{name: _other(getattr(draft.steps[i], name), values, rng)})
