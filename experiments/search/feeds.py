"""Where candidates come from, in an order that does not depend on who evaluates them, or when.

A feed proposes some samplers at a time, all open at once. What they are depends on its settings,
its seed and the costs of earlier ones alone, taken in the order of proposals. So does the bound
that each comes with: the best cost that was known when it was proposed, above which, by far, an
evaluation may end early.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ...solvers.diffusion import Model
from ...solvers.diffusion.saved import Sampler
from ...tuners.solver_search import GeneticSearch, RandomSearch, SolverSearch, Space, key
from ...tuners.solver_search.known import Evaluated, KnownCosts
from ...tuners.solver_search.steady import SteadySearch

AT_ONCE = 20
"""How many proposals are open at once at most, where the method itself does not say."""


class Feed(Protocol):
    """Proposes samplers and is told their costs."""

    @property
    def done(self) -> bool:
        """Whether it has been told all it wanted to know."""
        ...

    def open(self) -> Sequence[Sampler]:
        """What is proposed and not yet told."""
        ...

    def bound(self, sampler: Sampler) -> float:
        """The best cost known, at the same NFE, when an open sampler was proposed."""
        ...

    def tell(self, sampler: Sampler, cost: float) -> None:
        """What an open sampler costs."""
        ...


class Sweep:
    """Samplers given beforehand, some at a time.

    Args:
        samplers: By name, all of one NFE.
    """

    def __init__(self, samplers: Mapping[str, Sampler]) -> None:
        self.samplers = samplers
        self.costs: dict[str, float] = {}
        self._names = {key(sampler): name for name, sampler in samplers.items()}
        self._left = list(samplers)
        self._batch: list[str] = []
        self._bound = math.inf
        self._next()

    @property
    def done(self) -> bool:
        """Whether all are told."""
        return not self._batch

    def open(self) -> Sequence[Sampler]:
        """Those of the present batch that are not told."""
        return [self.samplers[name] for name in self._batch if name not in self.costs]

    def bound(self, sampler: Sampler) -> float:
        """The best cost of the batches before."""
        del sampler
        return self._bound

    def tell(self, sampler: Sampler, cost: float) -> None:
        """What one costs."""
        self.costs[self._names[key(sampler)]] = cost
        if all(name in self.costs for name in self._batch):
            self._next()

    def _next(self) -> None:
        self._batch, self._left = self._left[:AT_ONCE], self._left[AT_ONCE:]
        self._bound = min(self.costs.values(), default=math.inf)


class Batches:
    """A search that proposes in batches."""

    def __init__(self, search: SolverSearch) -> None:
        self.search = search
        self._best = dict.fromkeys(search.nfes, math.inf)

    @property
    def done(self) -> bool:
        """Whether the evaluations are spent."""
        return self.search.done

    @property
    def history(self) -> list[Evaluated]:
        """All that was told, in the order of proposals."""
        return self.search.history

    def open(self) -> Sequence[Sampler]:
        """Those of the present batch that are not told."""
        return self.search.open()

    def bound(self, sampler: Sampler) -> float:
        """The best cost of the batches before."""
        return self._best[sampler.nfe]

    def tell(self, sampler: Any, cost: float) -> None:
        """What one costs."""
        stage = self.search.stage
        self.search.tell(sampler, cost)
        if self.search.stage > stage:
            self._best = best_costs(self.search)


class InOrder:
    """A steady search with some proposals always open, told in the order in which it made them."""

    def __init__(self, search: SteadySearch) -> None:
        self.search = search
        self._open: list[tuple[Any, float]] = []
        self._costs: dict[str, float] = {}
        self._fill()

    @property
    def done(self) -> bool:
        """Whether the evaluations are spent."""
        return self.search.done

    @property
    def history(self) -> list[Evaluated]:
        """All that was told, by NFE, in the order of proposals."""
        return self.search.history

    def open(self) -> Sequence[Sampler]:
        """Those asked for that are not told."""
        return [s for s, _ in self._open if key(s) not in self._costs] if not self.done else []

    def bound(self, sampler: Sampler) -> float:
        """The best cost that had been told when it was asked for."""
        name = key(sampler)
        return next(bound for s, bound in self._open if key(s) == name)

    def tell(self, sampler: Sampler, cost: float) -> None:
        """What one costs; it waits for those asked for before it."""
        self._costs[key(sampler)] = cost
        while self._open and not self.done and key(self._open[0][0]) in self._costs:
            first, _ = self._open.pop(0)
            self.search.tell(first, self._costs[key(first)])
            self._fill()

    def _fill(self) -> None:
        while len(self._open) < AT_ONCE and not self.done:
            asked = self.search.ask()
            self._open.append((asked, best_costs(self.search)[asked.nfe]))


SearchFeed = Batches | InOrder
Method = Callable[[Model, tuple[int, ...], int, int, tuple[float, float]], SearchFeed]
"""A model, NFEs, evaluations of each, a seed, and the times of start and end give a feed."""


def _s3(model: Model, nfe: Any, count: int, seed: int, ends: Any) -> SearchFeed:
    return Batches(SolverSearch(model.noise, nfe, count, seed, **_range(model, ends)))


def _evolution(model: Model, nfe: Any, count: int, seed: int, ends: Any) -> SearchFeed:
    space = _range(model, ends)
    return Batches(SolverSearch(model.noise, nfe, count, seed, predictor=None, **space))


def _genetic(model: Model, nfe: Any, count: int, seed: int, ends: Any) -> SearchFeed:
    return InOrder(GeneticSearch(model.noise, nfe, count, seed, **_range(model, ends)))


def _random(model: Model, nfe: Any, count: int, seed: int, ends: Any) -> SearchFeed:
    return InOrder(RandomSearch(model.noise, nfe, count, seed, **_range(model, ends)))


def _range(model: Model, ends: tuple[float, float]) -> dict[str, Any]:
    """What may move, and between which times; from the data's mean where the model knows it."""
    space = Space()
    if model.mean is not None:
        space = Space(firsts=(*space.firsts, "mean"))
    return {"space": space, "t_start": ends[0], "t_end": ends[1]}


METHODS: dict[str, Method] = {
    "s3": _s3,
    "evolution": _evolution,
    "genetic": _genetic,
    "random": _random,
}
"""Searches by name: guided by a predictor, without one, the published algorithm, at random."""


def best_costs(search: KnownCosts) -> dict[int, float]:
    """The best cost told at each NFE."""
    costs = {n: archive.costs.values() for n, archive in search.archives.items()}
    return {n: min(found, default=math.inf) for n, found in costs.items()}
