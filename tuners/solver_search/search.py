"""S^3: multi-stage search of solver schedules, guided by a predictor that ranks them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any

import numpy as np

from ...schedules._checks import whole
from ...solvers.diffusion import _json
from ...solvers.diffusion.noise import NoiseSchedule
from ...solvers.diffusion.saved import Sampler
from ...solvers.diffusion.schedule import SolverSchedule
from .archive import by_key, pack, unpack
from .canonical import key
from .evolve import Evolution
from .known import Evaluated, KnownCosts, as_json
from .panel import promising, spread
from .predictor import Ensemble, Predictor
from .space import Space

SPREAD, PROMISING = 1 / 10, 1 / 20
"""Shares of the evaluations that the first and the second panel of starting schedules take."""


class SolverSearch(KnownCosts):
    """Search for the best solver schedule at given numbers of network evaluations (S^3).

    Stage by stage: schedules are proposed, their true costs are told, a predictor learns to rank
    all that is known, and evolution guided by it proposes the next batch. The first two batches
    are fixed solvers on fixed grids: all of them where they are no more than a quarter of the
    evaluations, otherwise a panel spread over solvers and grids, a tenth of the evaluations, then
    half as many that a fit to it finds promising.

    The search is a function of its settings, its seed and the costs alone: a batch's costs are
    taken in the order of its proposals, however they arrive, so that one worker or eight,
    interrupted or not, find the same.

    Args:
        noise: The model's noise schedule.
        nfe: Network evaluations per sample, one number or several; one search and one predictor
            then serve all.
        evaluations: True evaluations for each ``nfe``, at least 4.
        seed: Of all that is random in the search.
        space: What may be changed.
        predictor: Settings of the ranking predictor; None breeds every proposal by evolution
            from the true costs alone (the ablation).
        start: Schedules to start from; by default every fixed solver on every grid. Coefficient
            tables among them are left out: they have no decisions that could move.
        t_start: First time; the noise schedule's ``t_max`` where it is not given.
        t_end: Last time; its ``t_min`` where it is not given.
        evolution: How schedules are bred.
        batch: Proposals per stage and ``nfe``: as many evaluations can run at once.

    Raises:
        TypeError, ValueError: settings out of range, or starting schedules that do not fit.

    Source: Liu et al. (2024), USF, arXiv:2312.07243 (S^3); its published code has no predictor.

    Example:
        >>> from ritard.solvers.diffusion import EDM
        >>> search = SolverSearch(EDM(), nfe=4, evaluations=8, predictor=None)
        >>> while not search.done:
        ...     schedule = search.ask()
        ...     search.tell(schedule, cost=abs(schedule.times[2] - 0.5))
        >>> len(search.history), search.best().nfe
        (8, 4)
    """

    kind = "s3"

    def __init__(
        self,
        noise: NoiseSchedule,
        nfe: int | Sequence[int],
        evaluations: int = 400,
        seed: int = 0,
        *,
        space: Space | None = None,
        predictor: Predictor | None = Predictor(),  # noqa: B008
        start: Iterable[Sampler] | None = None,
        t_start: float | None = None,
        t_end: float | None = None,
        evolution: Evolution | None = None,
        batch: int = 32,
    ) -> None:
        space = Space() if space is None else space
        super().__init__(noise, nfe, evaluations, seed, space, start, t_start, t_end)
        self.evolution = Evolution() if evolution is None else evolution
        self.batch = whole("batch", batch, low=1)
        self.ensemble = None if predictor is None else Ensemble(predictor, self.seed)
        self.stage = -1
        self._proposed = dict.fromkeys(self.nfes, 0)
        self._batch: dict[str, SolverSchedule] = {}
        self._asked: dict[str, int] = {}
        self._told: dict[str, tuple[SolverSchedule, float]] = {}
        self._next()

    @property
    def done(self) -> bool:
        """Whether all evaluations have been told."""
        return not self._batch

    def open(self) -> list[SolverSchedule]:
        """The schedules that are proposed and not yet told."""
        return [s for name, s in self._batch.items() if name not in self._told]

    def ask(self, context: int | None = None) -> SolverSchedule:
        """The next schedule to evaluate.

        When all of a batch have been asked, those not told yet come again, the least often asked
        first. When the search is done, its best.

        Args:
            context: The number of network evaluations wanted; any by default.

        Raises:
            ValueError: another than the search's, or one whose part of the batch has been told
                while other parts are open.
        """
        wanted = None if context is None else self._one(context)
        if self.done:
            return self.best(self.nfes[0] if wanted is None else wanted)
        names = [
            name
            for name, schedule in self._batch.items()
            if name not in self._told and wanted in (None, schedule.nfe)
        ]
        if not names:
            raise ValueError(f"context={wanted}: nothing is open there until others are told")
        name = min(names, key=lambda name: self._asked.get(name, 0))
        self._asked[name] = self._asked.get(name, 0) + 1
        return self._batch[name]

    def tell(self, choice: SolverSchedule, cost: float) -> None:
        """What a schedule cost; NaN and infinity are worst. Told twice, the first stays.

        A schedule that was never asked is taken too, with the batch that is open. The last of a
        batch trains the predictor, and may take a while: interrupted there, it has not been told.

        Raises:
            TypeError, ValueError: not a schedule of this search's noise schedule, ends and NFE.
        """
        choice, cost = self._checked(choice, cost)
        name = key(choice)
        if name in self._told or name in self.archives[choice.nfe].costs:
            return
        after = copy(self)
        after._told = {**self._told, name: (choice, cost)}
        if all(name in after._told for name in self._batch):
            after._take()
            if self._batch:
                after._next()
        vars(self).update(vars(after))  # at once, or not at all

    @property
    def history(self) -> list[Evaluated]:
        """All that was told: by batches, in the order of proposals, and what is open last."""
        waiting = [Evaluated(self._told[n][0].nfe, *self._told[n]) for n in self._in_order()]
        return super().history + waiting

    # ---- state ---------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The whole search, as JSON values."""
        return _json.headed(
            "search",
            settings=self._settings(),
            stage=self.stage,
            proposed=[self._proposed[n] for n in self.nfes],
            archives=self._archives_out(),
            batch=[[pack(s), self._asked.get(name, 0)] for name, s in self._batch.items()],
            told=[[pack(s), _json.number_out(cost)] for s, cost in self._told.values()],
            predictor=None if self.ensemble is None else self.ensemble.state_dict(),
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state: the same proposals follow.

        Raises:
            ValueError: the state of a search with other settings, or a damaged one; nothing is
                changed then.
        """
        state = self._opened(state_dict)
        with _json.reading("search"):
            stage = whole("stage", state["stage"])
            proposed = {
                n: whole("proposed", p) for n, p in zip(self.nfes, state["proposed"], strict=True)
            }
            archives = self._archives_in(state["archives"])
            batch = [(unpack(self.noise, s), whole("asked", a)) for s, a in state["batch"]]
            told = [(unpack(self.noise, s), _json.number_in(c)) for s, c in state["told"]]
            if self.ensemble is not None:
                self.ensemble.load_state_dict(state["predictor"])
        self.stage, self._proposed, self.archives = stage, proposed, archives
        self._batch = {key(s): s for s, _ in batch}
        self._asked = {key(s): asked for s, asked in batch}
        self._told = {key(s): (s, cost) for s, cost in told}

    def _settings(self) -> dict[str, Any]:
        predictor = None if self.ensemble is None else as_json(self.ensemble.settings)
        more = {"evolution": as_json(self.evolution), "batch": self.batch, "predictor": predictor}
        return super()._settings() | more

    # ---- the stages ----------------------------------------------------------------------

    def _in_order(self) -> list[str]:
        """What waits to be taken: proposals in their order, then others by key."""
        own = [name for name in self._batch if name in self._told]
        return own + sorted(name for name in self._told if name not in self._batch)

    def _take(self) -> None:
        self.archives = {nfe: archive.copy() for nfe, archive in self.archives.items()}
        for name in self._in_order():
            schedule, cost = self._told[name]
            self.archives[schedule.nfe].add(schedule, cost)
        self._told = {}

    def _next(self) -> None:
        """Propose the next batch; there is none when the evaluations are spent."""
        self.stage += 1
        self._batch, self._asked, self._proposed = {}, {}, dict(self._proposed)
        left = {n: self.evaluations - self._proposed[n] for n in self.nfes}
        if self.ensemble is not None and any(left.values()):
            self.ensemble = copy(self.ensemble)
            self.ensemble.fit(self.archives, self.stage)
        for nfe in self.nfes:
            found = self._proposals(nfe, left[nfe]) if left[nfe] else {}
            self._proposed[nfe] += len(found)
            self._batch |= found

    def _proposals(self, nfe: int, left: int) -> dict[str, SolverSchedule]:
        archive = self.archives[nfe]
        seeds = [s for s in self.seeds[nfe] if key(s) not in archive.costs]
        first, second = (max(int(share * self.evaluations), 2) for share in (SPREAD, PROMISING))
        if self.stage == 0 and seeds:
            small = len(seeds) <= self.evaluations // 4
            return by_key(seeds if small else spread(seeds, first))
        if self.stage == 1 and seeds:
            return by_key(promising(self.seeds[nfe], archive.costs, second))
        rng = np.random.default_rng([self.seed, self.stage, nfe])
        count = min(self.batch, left)
        ranked, taken = archive.ranked() or self.seeds[nfe], archive.costs
        if self.ensemble is None:
            return self.evolution.breed(ranked, count, self.space, rng, taken)
        return self.evolution.guided(ranked, count, self.space, rng, taken, self.ensemble.score)
