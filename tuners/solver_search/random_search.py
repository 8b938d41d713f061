"""Random search over the same space: the simplest of the baselines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...solvers.diffusion.noise import NoiseSchedule
from ...solvers.diffusion.schedule import SolverSchedule
from .moves import random_schedule
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
