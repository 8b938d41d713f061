"""Random search over the same space: the simplest of the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...schedules._checks import whole
from ...solvers.diffusion.noise import NoiseSchedule
from ...solvers.diffusion.schedule import SolverSchedule
from ...solvers.diffusion.step import SolverStep
from .draft import Draft, Frame, as_knots, stretched
from .space import Space
from .steady import SteadySearch


class RandomSearch(SteadySearch):
    """Schedules drawn one by one with every decision at random.

    The same contract as :class:`~.search.SolverSearch`. ``ask`` draws a new schedule each time,
    whatever has been told.

    Args:
        noise: The model's noise schedule.
        nfe: Network evaluations per sample, one number or several.
        evaluations: True evaluations for each ``nfe``, at least 4.
        seed: Of the draws.
        space: The values that are drawn.
        t_start: First time; the noise schedule's ``t_max`` where it is not given.
        t_end: Last time; its ``t_min`` where it is not given.

    Raises:
        TypeError, ValueError: settings out of range.
    """

    kind = "random"

    def __init__(
        self,
        noise: NoiseSchedule,
        nfe: int | Sequence[int],
        evaluations: int = 400,
        seed: int = 0,
        *,
        space: Space | None = None,
        t_start: float | None = None,
        t_end: float | None = None,
    ) -> None:
        super().__init__(noise, nfe, evaluations, seed, space, (), t_start, t_end)

    def _draw(self, nfe: int, turn: int, rng: np.random.Generator) -> SolverSchedule:
        return random_schedule(self.noise, nfe, self.space, rng, self.t_start, self.t_end)


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
    whole("nfe", nfe, low=1)
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
    draft = Draft(as_knots(equal), steps, first)
    if draft.knots:
        draft = stretched(draft, frame, 0.7 * rng.standard_normal(count))
    return frame.build(draft, rng)


def _draw(values: Sequence[Any], usual: Any, rng: np.random.Generator) -> Any:
    return values[int(rng.integers(len(values)))] if values else usual
