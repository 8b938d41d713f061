"""What the baselines share: a new schedule at every ask, each cost taken as it is told."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...schedules._checks import whole
from ...solvers.diffusion import _json
from ...solvers.diffusion.noise import NoiseSchedule
from ...solvers.diffusion.saved import Sampler
from ...solvers.diffusion.schedule import SolverSchedule
from .canonical import key
from .known import KnownCosts
from .space import Space


class SteadySearch(KnownCosts):
    """Ask and tell without batches; a subclass says how a schedule is drawn."""

    def __init__(
        self,
        noise: NoiseSchedule,
        nfe: int | Sequence[int],
        evaluations: int,
        seed: int,
        space: Space | None,
        start: Iterable[Sampler] | None,
        t_start: float | None,
        t_end: float | None,
    ) -> None:
        space = Space() if space is None else space
        super().__init__(noise, nfe, evaluations, seed, space, start, t_start, t_end)
        self._asked = dict.fromkeys(self.nfes, 0)

    @property
    def done(self) -> bool:
        """Whether all evaluations have been told."""
        return all(len(archive) >= self.evaluations for archive in self.archives.values())

    def ask(self, context: int | None = None) -> SolverSchedule:
        """A new schedule, of the cost ``context`` (by default of the least asked cost)."""
        nfe = min(self.nfes, key=self._asked.__getitem__) if context is None else self._one(context)
        turn = self._asked[nfe]
        self._asked[nfe] += 1
        return self._new(nfe, turn, np.random.default_rng([self.seed, nfe, turn]))

    def tell(self, choice: SolverSchedule, cost: float) -> None:
        """What a schedule cost; NaN and infinity are worst. Told twice, the first stays.

        Raises:
            TypeError, ValueError: not a schedule of this search's noise schedule, ends and NFE.
        """
        choice, cost = self._checked(choice, cost)
        self.archives[choice.nfe].add(choice, cost)

    def state_dict(self) -> dict[str, Any]:
        """The whole search, as JSON values."""
        asked = [self._asked[n] for n in self.nfes]
        settings, archives = self._settings(), self._archives_out()
        return _json.headed("search", settings=settings, asked=asked, archives=archives)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state: the same proposals follow.

        Raises:
            ValueError: the state of a search with other settings, or a damaged one; nothing is
                changed then.
        """
        state = self._opened(state_dict)
        with _json.reading("search"):
            asked = {n: whole("asked", a) for n, a in zip(self.nfes, state["asked"], strict=True)}
            archives = self._archives_in(state["archives"])
        self._asked, self.archives = asked, archives

    def _new(self, nfe: int, turn: int, rng: np.random.Generator) -> SolverSchedule:
        """A schedule that is not known yet, if the space still has one."""
        drawn = self._draw(nfe, turn, rng)
        for _ in range(50):
            if not self._known(drawn):
                break
            drawn = self._draw(nfe, turn, rng)
        return drawn

    def _known(self, schedule: SolverSchedule) -> bool:
        return key(schedule) in self.archives[schedule.nfe].costs

    @abstractmethod
    def _draw(self, nfe: int, turn: int, rng: np.random.Generator) -> SolverSchedule:
        """A schedule for ask number ``turn`` at that cost."""
